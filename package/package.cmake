# Debian packages, by `cpack` in the build directory: one for each set of dependencies.
#
#   shipyard-mpirun      what a node needs; beside Open MPI or MPICH, of which it is linked with neither
#   shipyard-benchmarks  linked with the MPI of this build
#   shipyard-batch       shipyard-submit and shipyard-local, for the user's own machine

set(SHIPYARD_PACKAGE_MAINTAINER "the shipyard-mpirun authors <shipyard-mpirun@example.org>"
    CACHE STRING "Maintainer of the Debian packages: Name <address>")

# The distribution is a part of the version: its libraries' packages have other names, and after an upgrade of it the newer
# build is the newer version.
set(distribution unknown)
if(EXISTS /etc/os-release)
  file(STRINGS /etc/os-release lines REGEX "^(ID|VERSION_ID)=")
  foreach(line ${lines})
    if(line MATCHES "^ID=\"?([a-z]+)")
      set(id ${CMAKE_MATCH_1})
    elseif(line MATCHES "^VERSION_ID=\"?([0-9.]+)")
      set(version_id ${CMAKE_MATCH_1})
    endif()
  endforeach()
  string(REPLACE "debian" "deb" id ${id})
  set(distribution "${id}${version_id}")
endif()
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~${distribution}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shipyard-mpirun)
set(CPACK_PACKAGE_VENDOR "the shipyard-mpirun authors")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${SHIPYARD_PACKAGE_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# Our programs load nothing of each other's; of the system's libraries dpkg-shlibdeps knows the packages and versions.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENTS_ALL launcher)

# CPack takes the line by itself, and the rest without indentation.
set(CPACK_DEBIAN_LAUNCHER_PACKAGE_NAME shipyard-mpirun)
set(CPACK_DEBIAN_LAUNCHER_DESCRIPTION "MPI programs in containers on several nodes, started by one line
shipyard-mpirun starts an MPI program in the containers of an Azure Batch
multi-instance task, on given nodes, or on one machine. It reads the host list,
waits for the nodes, lays the ranks out by the hardware, gives mpirun the right
network, stays with the job, and says in one line how it ended.
.
shipyard-hostfile turns host lists into hostfiles and ssh configurations.
.
It works with the mpirun of Open MPI 4.1 and 5.0, and with that of MPICH.")
set(CPACK_DEBIAN_LAUNCHER_PACKAGE_RECOMMENDS "openmpi-bin | mpich, openssh-client")
set(CPACK_DEBIAN_LAUNCHER_PACKAGE_SUGGESTS "shipyard-benchmarks, shipyard-batch, openssh-server")

if(SHIPYARD_BUILD_BENCH)
  list(APPEND CPACK_COMPONENTS_ALL benchmarks)
  if("${MPI_C_LIBRARIES}" MATCHES "mpich")
    set(mpi_package mpich)
  else()
    set(mpi_package openmpi-bin)
  endif()
  set(CPACK_DEBIAN_BENCHMARKS_PACKAGE_NAME shipyard-benchmarks)
  set(CPACK_DEBIAN_BENCHMARKS_DESCRIPTION "benchmarks of MPI between nodes and of their start
Latency, bandwidth, message rate, collectives, every two nodes of a pool, the
noise of the system, and the least that each could take; how long a job's start
takes; and whether one set of launches is slower than another.
.
They lie in /usr/libexec/shipyard/bench, which is on nobody's PATH. With
--preflight, shipyard-mpirun measures with one of them before a job.")
  set(CPACK_DEBIAN_BENCHMARKS_PACKAGE_RECOMMENDS "shipyard-mpirun, ${mpi_package}")
endif()

if(SHIPYARD_BUILD_LOCAL)
  list(APPEND CPACK_COMPONENTS_ALL batch)
  set(CPACK_DEBIAN_BATCH_PACKAGE_NAME shipyard-batch)
  set(CPACK_DEBIAN_BATCH_DESCRIPTION "MPI jobs in containers on Azure Batch, or on this machine as there
shipyard-submit makes a job of a file of a few lines, sends it to Azure Batch,
shows its output, and ends with its exit status.
.
shipyard-local is a pool of Batch nodes on this machine, made of containers of
Docker or Podman, and with serve the service itself: an image and a command
line can be tried before they cost money.")
  # ssh-keygen makes the key of a job.
  set(CPACK_DEBIAN_BATCH_PACKAGE_DEPENDS "openssh-client")
  set(CPACK_DEBIAN_BATCH_PACKAGE_RECOMMENDS "ca-certificates, docker.io | podman")
  set(CPACK_DEBIAN_BATCH_PACKAGE_SUGGESTS "shipyard-mpirun")
endif()

# What Debian wants of each: copyright, the changes, and its own list of changes for a version of the package.
file(READ ${CMAKE_CURRENT_LIST_DIR}/../LICENSE license)
string(REGEX REPLACE "^MIT License\n\nCopyright \\(c\\) ([^\n]*)\n\n" "" license_text "${license}")
set(license_holder "${CMAKE_MATCH_1}")
string(STRIP "${license_text}" license_text)
string(REGEX REPLACE "\n\n" "\n.\n" license_text "${license_text}")
string(REGEX REPLACE "\n" "\n " license_text " ${license_text}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/copyright.in ${PROJECT_BINARY_DIR}/package/copyright @ONLY)
string(TIMESTAMP package_date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH where it is set
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(documents ${PROJECT_BINARY_DIR}/package/${package})
  configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${documents}/changelog.Debian @ONLY)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/../CHANGELOG.md ${documents}/changelog COPYONLY)
  execute_process(COMMAND gzip -9 --no-name --force --keep changelog changelog.Debian WORKING_DIRECTORY ${documents}
                          COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${PROJECT_BINARY_DIR}/package/copyright ${documents}/changelog.gz ${documents}/changelog.Debian.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endforeach()

set(examples ${CMAKE_CURRENT_LIST_DIR}/examples)
install(FILES ${examples}/pi.c ${examples}/Dockerfile
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/shipyard-mpirun/examples COMPONENT launcher)
if(SHIPYARD_BUILD_LOCAL)
  install(FILES ${examples}/job.yaml
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/shipyard-batch/examples COMPONENT batch)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/shipyard-batch.overrides
          DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT batch RENAME shipyard-batch)
endif()

include(CPack)
