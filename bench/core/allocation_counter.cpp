#include "bench/core/allocation_counter.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

// The benchmark runs on one thread.
std::size_t held = 0;
std::size_t peak = 0;

void release(void* block) {
  held -= ::malloc_usable_size(block);
  std::free(block);
}

}  // namespace

// The other forms of the standard library end in these.
void* operator new(std::size_t size) {
  void* block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  held += ::malloc_usable_size(block);
  peak = std::max(peak, held);
  return block;
}
void operator delete(void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }

namespace shipyard::bench {

std::size_t allocated_bytes() { return held; }
std::size_t peak_bytes() { return peak; }
void reset_peak() { peak = held; }

}  // namespace shipyard::bench
