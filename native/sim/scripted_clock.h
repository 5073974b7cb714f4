#pragma once

#include "base/clock.h"

namespace kist::sim {

/// A clock that its owner sets. With a step it also moves by itself at every reading, as real time does.
class ScriptedClock final : public Clock {
 public:
  TimeNs now() const override {
    now_ += step_;
    return now_;
  }
  TimeNs peek() const { return now_; }
  void set(TimeNs now) { now_ = now; }
  void setStep(TimeNs step) { step_ = step; }

 private:
  mutable TimeNs now_ = 0;
  TimeNs step_ = 0;
};

}  // namespace kist::sim
