#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace kist {

/// Counts of values in logarithmic buckets, four a power of two (error under 19 %). Bucket i of `counts`
/// holds values v with bucketOf(v) == i; upperBound(i) is its exclusive upper end. Fixed size, no allocation.
class Histogram {
 public:
  static constexpr size_t kBuckets = 252;

  static size_t bucketOf(uint64_t value) {
    if (value < 4) return static_cast<size_t>(value);
    const auto exponent = static_cast<size_t>(std::bit_width(value)) - 1;
    return (exponent - 1) * 4 + static_cast<size_t>(value >> (exponent - 2) & 3);
  }
  static double upperBound(size_t bucket) {
    if (bucket < 4) return static_cast<double>(bucket) + 1;
    const auto exponent = bucket / 4 + 1;
    const double step = static_cast<double>(uint64_t{1} << (exponent - 2));
    return static_cast<double>(uint64_t{1} << exponent) + step * static_cast<double>(bucket % 4 + 1);
  }

  void add(uint64_t value, uint64_t times = 1) {
    counts[bucketOf(value)] += times;
    total += times;
    sum += value * times;
    if (value > max) max = value;
  }
  void merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) counts[i] += other.counts[i];
    total += other.total;
    sum += other.sum;
    if (other.max > max) max = other.max;
  }

  std::array<uint64_t, kBuckets> counts{};
  uint64_t total = 0;
  uint64_t sum = 0;
  uint64_t max = 0;
};

}  // namespace kist
