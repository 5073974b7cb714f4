#include "base/clock.h"

#include <ctime>

namespace kist {

TimeNs SystemClock::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<TimeNs>(time.tv_sec) * kSecond + time.tv_nsec;
}

}  // namespace kist
