#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace kist {

class CircuitMux;

/// What all muxes of one reactor share: the service sequence, the weight of a cell now, the list of muxes to
/// rescale. One time base: a cell sent at t adds 2^((t - t0) / halflife), so counts of all muxes compare as
/// they stand and decay by themselves. Everything is multiplied down once when the exponent passes 500 or the
/// half-life changes. It must outlive its muxes.
class PriorityBase {
 public:
  static constexpr TimeNs kMinHalflife = 100 * kMillisecond;
  /// The largest value that CircuitPriorityHalflifeMsec can have.
  static constexpr TimeNs kMaxHalflife = 2'147'483'647 * kMillisecond;
  static constexpr double kMaxExponent = 500;

  explicit PriorityBase(TimeNs now, TimeNs halflife = 30 * kSecond);
  ~PriorityBase();
  PriorityBase(const PriorityBase&) = delete;
  PriorityBase& operator=(const PriorityBase&) = delete;

  /// Fixes the weight of a cell for a run that starts at `now`; rescales all muxes when due. Time going back
  /// is clamped.
  void beginRun(TimeNs now);
  double weight() const { return weight_; }
  /// Clamped to at least 100 ms. Past cells keep the decay they had until now.
  void setHalflife(TimeNs now, TimeNs halflife);
  TimeNs halflife() const { return halflife_; }
  uint64_t nextService() { return ++service_; }
  uint64_t rescales() const { return rescales_; }
  /// A stored count as cells of weight 1 at `now`.
  double countAt(TimeNs now, double count) const;

 private:
  friend class CircuitMux;
  static TimeNs clampHalflife(TimeNs halflife);
  void rescale(TimeNs now);
  double weightAt(TimeNs now) const;

  /// 2^(1/2), 2^(1/4), ...: a weight is a product of these, which rounds the same on every machine (exp2 need
  /// not).
  std::array<double, 32> roots_;
  TimeNs halflife_;
  TimeNs origin_;
  TimeNs last_;
  double weight_ = 1;
  uint64_t service_ = 0;
  uint64_t rescales_ = 0;
  CircuitMux* firstMux_ = nullptr;
};

}  // namespace kist
