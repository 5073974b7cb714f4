#include "circuit/priority_base.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "circuit/circuit_mux.h"

namespace kist {

PriorityBase::PriorityBase(TimeNs now, TimeNs halflife)
    : halflife_(clampHalflife(halflife)), origin_(now), last_(now) {
  double root = 2;
  for (double& entry : roots_) {
    root = std::sqrt(root);
    entry = root;
  }
}

PriorityBase::~PriorityBase() { KIST_ASSERT(firstMux_ == nullptr); }

void PriorityBase::beginRun(TimeNs now) {
  last_ = std::max(now, last_);
  const double exponent = static_cast<double>(last_ - origin_) / static_cast<double>(halflife_);
  if (exponent > kMaxExponent) {
    rescale(last_);
  } else {
    weight_ = weightAt(last_);
  }
}

void PriorityBase::setHalflife(TimeNs now, TimeNs halflife) {
  last_ = std::max(now, last_);
  rescale(last_);
  halflife_ = clampHalflife(halflife);
}

double PriorityBase::countAt(TimeNs now, double count) const {
  return count / weightAt(std::max(now, last_));
}

TimeNs PriorityBase::clampHalflife(TimeNs halflife) {
  return std::clamp(halflife, kMinHalflife, kMaxHalflife);
}

void PriorityBase::rescale(TimeNs now) {
  // An infinite weight (a machine that slept for weeks) makes the factor 0, never NaN.
  const double factor = 1 / weightAt(now);
  for (CircuitMux* mux = firstMux_; mux != nullptr; mux = mux->nextMux_) mux->rescale(factor);
  origin_ = now;
  weight_ = 1;
  ++rescales_;
}

double PriorityBase::weightAt(TimeNs now) const {
  const TimeNs elapsed = now - origin_;
  const auto whole = static_cast<int>(std::min<TimeNs>(elapsed / halflife_, 2000));
  __extension__ using Wide = unsigned __int128;
  const auto fraction =
      static_cast<uint32_t>((static_cast<Wide>(elapsed % halflife_) << 32) / static_cast<Wide>(halflife_));
  double weight = 1;
  for (size_t i = 0; i < roots_.size(); ++i) {
    if (fraction >> (31 - i) & 1) weight *= roots_[i];
  }
  return std::ldexp(weight, whole);
}

}  // namespace kist
