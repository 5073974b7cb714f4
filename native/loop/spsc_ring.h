#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/assert.h"

namespace kist {

/// Bounded queue from one producer thread to one consumer thread, messages by value, written in place.
///
/// Producer: beginPush() / fill / commit() for each message, publish() once per batch, then EventLoop::wake()
/// on the consumer's loop. Consumer: front() / use / pop() until null, then finishBatch(). In
/// TurnListener::onBeforeSleep it looks at isEmpty(): that load, publish()'s store and the SleepFlag are
/// sequentially consistent, so no wake-up is lost (sleep_flag.h). No fences, which the thread sanitizer would
/// not see.
///
/// The other way round the same argument holds for room: a producer that finds the ring full pauses what
/// feeds it and calls askForRoom(); the consumer's finishBatch() then tells it once to wake the producer's
/// loop.
template <typename T>
class SpscRing {
 public:
  /// `capacity` is rounded up to a power of two.
  explicit SpscRing(uint32_t capacity)
      : mask_(std::bit_ceil(capacity < 2 ? 2u : capacity) - 1),
        slots_(std::make_unique<T[]>(size_t{mask_} + 1)) {}

  uint32_t capacity() const { return mask_ + 1; }

  // --- producer ---

  /// The slot of the next message, or null when the ring is full.
  T* beginPush() {
    if (producer_.next - producer_.seenHead > mask_) {
      producer_.seenHead = head_.load(std::memory_order_acquire);
      if (producer_.next - producer_.seenHead > mask_) return nullptr;
    }
    return &slots_[producer_.next & mask_];
  }
  void commit() { ++producer_.next; }
  /// Makes committed messages visible. False: there were none, so nobody needs waking.
  bool publish() {
    if (producer_.next == producer_.published) return false;
    producer_.published = producer_.next;
    tail_.store(producer_.next, std::memory_order_seq_cst);
    return true;
  }
  /// Messages that fit now. Looks at the consumer's index, so not for every message.
  uint32_t room() {
    producer_.seenHead = head_.load(std::memory_order_seq_cst);
    return capacity() - (producer_.next - producer_.seenHead);
  }
  /// Registers for one wake-up when messages were taken. False: `messages` fit by now, so go on.
  bool askForRoom(uint32_t messages) {
    KIST_ASSERT(messages <= capacity());
    starved_.store(true, std::memory_order_seq_cst);
    if (room() < messages) return true;
    starved_.store(false, std::memory_order_seq_cst);
    return false;
  }

  // --- consumer ---

  /// The oldest message, or null.
  T* front() {
    if (consumer_.next == consumer_.seenTail) {
      consumer_.seenTail = tail_.load(std::memory_order_acquire);
      if (consumer_.next == consumer_.seenTail) return nullptr;
    }
    return &slots_[consumer_.next & mask_];
  }
  void pop() { head_.store(++consumer_.next, std::memory_order_release); }
  /// True: the producer waits for room, and the caller must wake its loop.
  bool finishBatch() {
    head_.store(consumer_.next, std::memory_order_seq_cst);
    return starved_.load(std::memory_order_seq_cst) && starved_.exchange(false, std::memory_order_seq_cst);
  }
  /// The last look before a sleep.
  bool isEmpty() {
    consumer_.seenTail = tail_.load(std::memory_order_seq_cst);
    return consumer_.next == consumer_.seenTail;
  }

 private:
  static constexpr size_t kCacheLine = 64;
  // Indices run freely and wrap at 2^32; only differences count.
  struct Producer {
    uint32_t next = 0, published = 0, seenHead = 0;
  };
  struct Consumer {
    uint32_t next = 0, seenTail = 0;
  };

  const uint32_t mask_;
  const std::unique_ptr<T[]> slots_;
  alignas(kCacheLine) Producer producer_;
  alignas(kCacheLine) Consumer consumer_;
  alignas(kCacheLine) std::atomic<uint32_t> tail_{0};
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};
  alignas(kCacheLine) std::atomic<bool> starved_{false};
};

}  // namespace kist
