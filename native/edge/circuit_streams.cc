#include "edge/circuit_streams.h"

#include <algorithm>

namespace kist {

std::unique_ptr<Stream> CircuitStreams::take(Stream& stream) {
  if (stream.index >= all_.size() || all_[stream.index].get() != &stream) return nullptr;
  if (stream.isListedToSend) std::erase(sending_, &stream);
  stream.isListedToSend = false;
  byId_.erase(stream.id);
  std::unique_ptr<Stream> taken = std::move(all_[stream.index]);
  if (all_.back() == nullptr) {
    all_.pop_back();
    return taken;
  }
  all_[stream.index] = std::move(all_.back());
  all_[stream.index]->index = stream.index;
  all_.pop_back();
  return taken;
}

Stream* CircuitStreams::nextToSend() {
  if (sending_.empty()) return nullptr;
  Stream* stream = sending_.front();
  sending_.pop_front();
  stream->isListedToSend = false;
  return stream;
}

}  // namespace kist
