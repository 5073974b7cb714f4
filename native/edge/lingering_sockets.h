#pragma once

#include <memory>
#include <vector>

#include "edge/stream.h"
#include "loop/event_loop.h"

namespace kist {

/// Sockets of exit streams that ended while their target had not taken all: they write what came before the
/// END, then FIN, and read away what still comes, so that closing does not reset the connection and lose the
/// tail. Their stream IDs and circuits are free meanwhile. Bounded in time, number and bytes: the one that
/// moved least lately goes first. Called by Edge, which passes the socket calls of lingering streams here.
class LingeringSockets {
 public:
  static constexpr TimeNs kPatience = 10 * kSecond;  ///< Without progress toward the target.
  static constexpr uint64_t kMostBytes = 16u << 20;
  static constexpr size_t kMostSockets = 1024;
  static constexpr uint64_t kMostDiscarded = 256 * 1024;

  LingeringSockets(EventLoop& loop, MutableByteSpan scratch) : loop_(loop), scratch_(scratch) {}

  void add(std::unique_ptr<Stream> stream);
  void onReadable(Stream& stream);
  void onWritable(Stream& stream) { write(stream); }
  void onFailed(Stream& stream) { finish(stream, true); }
  void sweep(TimeNs now);
  /// Frees the finished ones. Once a turn: a call of their sockets may be under way before.
  void finishTurn() { finished_.clear(); }

  size_t size() const { return sockets_.size(); }
  uint64_t bytes() const { return bytes_; }

 private:
  void write(Stream& stream);
  void finish(Stream& stream, bool reset);

  EventLoop& loop_;
  MutableByteSpan scratch_;
  std::vector<std::unique_ptr<Stream>> sockets_;  ///< Each knows its index.
  std::vector<std::unique_ptr<Stream>> finished_;
  uint64_t bytes_ = 0;
};

}  // namespace kist
