#include "edge/lingering_sockets.h"

#include <algorithm>

namespace kist {

void LingeringSockets::add(std::unique_ptr<Stream> added) {
  Stream& stream = *added;
  stream.isLingering = true;
  stream.lastMoved = loop_.now();
  stream.received = 0;  // From here on: what is read away.
  stream.index = sockets_.size();
  bytes_ += stream.incoming.size();
  sockets_.push_back(std::move(added));
  stream.socket->transport().setReading(!stream.socketEnded);
  write(stream);
  while (sockets_.size() > kMostSockets || bytes_ > kMostBytes) {
    const auto oldest = std::min_element(sockets_.begin(), sockets_.end(), [](const auto& a, const auto& b) {
      return a->lastMoved < b->lastMoved;
    });
    finish(**oldest, true);
  }
}

void LingeringSockets::write(Stream& stream) {
  constexpr int kMaxParts = 64;
  TcpTransport& transport = stream.socket->transport();
  while (!stream.incoming.isEmpty()) {
    iovec parts[kMaxParts];
    const int count = stream.incoming.peek(parts, kMaxParts);
    const IoResult result = transport.write(parts, count);
    stream.incoming.consume(result.bytes);
    bytes_ -= result.bytes;
    if (result.bytes > 0) stream.lastMoved = loop_.now();
    if (result.status == Status::kOk) continue;
    if (result.status == Status::kWouldBlock) {
      transport.watchWritable();
    } else {
      finish(stream, true);
    }
    return;
  }
  if (!stream.endDelivered) {
    stream.endDelivered = true;
    static_cast<void>(transport.shutdownWrite());
  }
  if (stream.socketEnded) finish(stream, false);
}

void LingeringSockets::onReadable(Stream& stream) {
  if (stream.socketEnded) return;
  const IoResult result = stream.socket->transport().read(scratch_);
  stream.received += result.bytes;
  if (result.status == Status::kError || stream.received > kMostDiscarded) {
    finish(stream, true);
  } else if (result.status == Status::kClosed) {
    stream.socketEnded = true;
    stream.socket->transport().setReading(false);
    if (stream.incoming.isEmpty()) finish(stream, false);
  }
}

void LingeringSockets::sweep(TimeNs now) {
  std::vector<Stream*> late;
  for (const auto& stream : sockets_) {
    if (now - stream->lastMoved > kPatience) late.push_back(stream.get());
  }
  for (Stream* stream : late) finish(*stream, !stream->incoming.isEmpty());
}

void LingeringSockets::finish(Stream& stream, bool reset) {
  if (stream.index >= sockets_.size() || sockets_[stream.index].get() != &stream) return;
  bytes_ -= stream.incoming.size();
  stream.incoming.clear();
  stream.socket->transport().close(reset);
  finished_.push_back(std::move(sockets_[stream.index]));
  if (stream.index + 1 < sockets_.size()) {
    sockets_[stream.index] = std::move(sockets_.back());
    sockets_[stream.index]->index = stream.index;
  }
  sockets_.pop_back();
}

}  // namespace kist
