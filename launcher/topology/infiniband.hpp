#pragma once

#include <map>
#include <string>
#include <vector>

namespace shipyard::topology {

/// What is known of one port of an RDMA device; empty: unknown.
struct RdmaPort {
  std::string link_layer =
      {};                  ///< "InfiniBand", "Ethernet" (/sys/class/infiniband/DEVICE/ports/N/link_layer)
  std::string state = {};  ///< "4", "4: ACTIVE"
  std::string lid = {};    ///< local identifier, "0x527"; 0 on Ethernet
};

/// Link layer of each port, by its number, as the kernel says it. `directory`: /sys/class/infiniband.
[[nodiscard]] std::map<int, std::string> link_layers(const std::string& directory, const std::string& device);

/// A port of an RDMA device, in whatever state.
struct RdmaLink {
  std::string name = {};   ///< "mlx5_0:1"
  std::string layer = {};  ///< "InfiniBand", "Ethernet"; empty: unknown
  std::string state = {};  ///< "ACTIVE", "DOWN", …; empty: unknown
  std::string rate = {};   ///< "200 Gb/sec (4X HDR)"; empty: unknown

  bool operator==(const RdmaLink&) const = default;
};

/// This machine's, by name: what Documentation/ABI/stable/sysfs-class-infiniband has of them. `directory`:
/// /sys/class/infiniband. On Azure the second function of a network card is among them, of link layer
/// Ethernet (accelerated networking), on VMs without InfiniBand as well.
[[nodiscard]] std::vector<RdmaLink> rdma_links(const std::string& directory);

/// A port of link layer InfiniBand, in whatever state.
struct InfiniBandLink {
  std::string name = {};   ///< "mlx5_0:1"
  std::string state = {};  ///< "ACTIVE", "DOWN", …; empty: unknown
  std::string rate = {};   ///< "200 Gb/sec (4X HDR)"; empty: unknown

  bool operator==(const InfiniBandLink&) const = default;
};

/// Those of rdma_links that are InfiniBand. Devices in other states than infiniband_ports takes are among
/// them.
[[nodiscard]] std::vector<InfiniBandLink> infiniband_links(const std::string& directory);

/// The ports that a program can use as InfiniBand, in order: not down, and of link layer InfiniBand, or with
/// a local identifier where the link layer is unknown. Where nothing at all is known of a device, whether its
/// PCI class is InfiniBand (0207) decides on port 1.
[[nodiscard]] std::vector<int> infiniband_ports(const std::map<int, RdmaPort>& ports,
                                                bool pci_class_is_infiniband);

}  // namespace shipyard::topology
