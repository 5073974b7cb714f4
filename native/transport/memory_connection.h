#pragma once

#include <memory>
#include <mutex>

#include "loop/event_loop.h"
#include "transport/byte_fifo.h"

namespace kist {

class MemoryTransport;

struct MemoryOptions {
  /// Wire bytes that one direction holds unread.
  uint32_t capacity = 256 * 1024;
  /// Every write becomes records of at most 16 KiB with 22 bytes of overhead, as TLS would; a record accepted
  /// and not yet taken by the pipe is queued, and nothing newer is accepted before it is out.
  bool records = false;
  /// One write takes at most so many bytes; 0: no such bound.
  uint32_t maxWrite = 0;
};

constexpr uint32_t kMemoryRecordBytes = 16 * 1024;
constexpr uint32_t kMemoryRecordOverhead = 22;

/// What the two ends of a memory connection share; they may live on two loops. Everything is under `mutex`,
/// but for the `transport` of an Owner, which only its own loop touches.
struct MemoryConnection {
  /// Lets a posted task find its end, or that it is gone.
  struct Owner {
    MemoryTransport* transport = nullptr;
  };

  /// One direction. `bytes` stands for kernel and network: what is in it and unread counts as not sent.
  struct Pipe {
    ByteFifo queued;  ///< Accepted by the writing end, not yet by the pipe.
    ByteFifo bytes;
    uint32_t lowat = 0;
    bool ended = false;    ///< No byte follows.
    bool stalled = false;  ///< The reader sees nothing.

    size_t room(const MemoryOptions& options) const;
    /// Moves queued bytes on as far as there is room.
    void pump(const MemoryOptions& options);
    bool isWritable(const MemoryOptions& options) const;
  };

  struct End {
    EventLoop* loop = nullptr;
    std::shared_ptr<Owner> owner;
    bool started = false;
    bool closed = false;
    bool reading = true;
    bool writableArmed = false;
    bool connectedDue = false;
    bool sawEnd = false;
    bool toldError = false;
    bool scheduled = false;  ///< A task that will deliver events is on its way.
    int error = 0;
  };

  std::mutex mutex;
  MemoryOptions options;
  Pipe pipes[2];  ///< By writing end.
  End ends[2];

  // All of these with the mutex held.
  bool hasInput(int side) const;
  bool canWrite(int side) const;
  bool hasEvents(int side) const;
  /// Posts a delivery to the end's loop if there is something to tell. The mutex is held meanwhile, so that
  /// an end that closes, and then its loop, cannot go away in between.
  void notify(int side);
  void failBoth(int error);
};

}  // namespace kist
