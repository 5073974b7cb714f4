#pragma once

#include <atomic>

namespace kist {

/// Decides who pays the system call that wakes a sleeping loop: nobody while it is awake, one producer per
/// sleep.
///
///   consumer (the loop)                          producer (any thread)
///   announceSleep()      flag = 1   (C1)         publish work        (P1, seq_cst store or under a mutex)
///   look for work        load       (C2)         claimWake()         (P2, load flag; if 1, exchange 0: write
///   eventfd) found: do not sleep; none: epoll_wait endSleep()           flag = 0
///
/// No wake-up is lost: C1, C2, P1 and P2 are sequentially consistent, so they stand in one total order. If C2
/// missed the work, C2 is before P1, hence C1 before P2, and P2 reads 1 (or a 0 that another producer's
/// exchange wrote, and that one wakes the loop). Under a mutex the same follows from the order of the two
/// critical sections. The eventfd keeps a write that comes before epoll_wait. A claim during endSleep() costs
/// one spare turn at most.
class SleepFlag {
 public:
  /// The consumer alone; afterwards it must look for work once more.
  void announceSleep() { sleeping_.store(true, std::memory_order_seq_cst); }
  void endSleep() { sleeping_.store(false, std::memory_order_seq_cst); }
  /// After publishing. True: the caller, and nobody else, must wake the loop.
  bool claimWake() {
    return sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false, std::memory_order_seq_cst);
  }

 private:
  std::atomic<bool> sleeping_{false};
};

}  // namespace kist
