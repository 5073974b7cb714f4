#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/flat_map.h"
#include "edge/stream.h"

namespace kist {

/// What one circuit has at the end here: its streams, found by ID in constant time, and its windows.
class CircuitStreams {
 public:
  Stream* find(uint16_t id) {
    Stream** found = byId_.find(id);
    return found == nullptr ? nullptr : *found;
  }
  const std::vector<std::unique_ptr<Stream>>& all() const { return all_; }
  bool isEmpty() const { return all_.empty(); }
  Stream& add(std::unique_ptr<Stream> stream) {
    stream->index = all_.size();
    byId_.set(stream->id, stream.get());
    all_.push_back(std::move(stream));
    return *all_.back();
  }
  /// Null when it is not here any more.
  std::unique_ptr<Stream> take(Stream& stream);

  /// Streams that have bytes to pack take turns.
  void listToSend(Stream& stream) {
    if (stream.isListedToSend) return;
    stream.isListedToSend = true;
    sending_.push_back(&stream);
  }
  Stream* nextToSend();
  bool hasToSend() const { return !sending_.empty(); }

  CircuitWindow window;
  bool areSocketsRead = true;  ///< The circuit has room, so that exit sockets are read.

 private:
  std::vector<std::unique_ptr<Stream>> all_;
  FlatMap<Stream*> byId_;
  std::deque<Stream*> sending_;
};

}  // namespace kist
