#include "transport/memory_connection.h"

#include <algorithm>

#include "transport/memory_transport.h"

namespace kist {

size_t MemoryConnection::Pipe::room(const MemoryOptions& options) const {
  const size_t bound = lowat == 0 ? options.capacity : std::min(lowat, options.capacity);
  return bound > bytes.size() ? bound - bytes.size() : 0;
}

void MemoryConnection::Pipe::pump(const MemoryOptions& options) {
  const size_t count = std::min(room(options), queued.size());
  if (count == 0) return;
  bytes.append(queued.bytes().first(count));
  queued.consume(count);
}

/// Like a kernel socket: a third of the buffer free, and with a low-water mark less than half of it unsent.
bool MemoryConnection::Pipe::isWritable(const MemoryOptions& options) const {
  const uint64_t unsent = bytes.size();
  if (!queued.isEmpty() || unsent * 3 > uint64_t{options.capacity} * 2) return false;
  return lowat == 0 || unsent * 2 < lowat;
}

bool MemoryConnection::hasInput(int side) const {
  const End& end = ends[side];
  if (end.error != 0) return !end.toldError;
  const Pipe& pipe = pipes[1 - side];
  if (pipe.stalled) return false;
  return !pipe.bytes.isEmpty() || (pipe.ended && !end.sawEnd);
}

bool MemoryConnection::canWrite(int side) const {
  return ends[side].error != 0 || ends[1 - side].closed || pipes[side].isWritable(options);
}

bool MemoryConnection::hasEvents(int side) const {
  const End& end = ends[side];
  if (!end.started || end.closed) return false;
  if (end.connectedDue || (end.reading && hasInput(side))) return true;
  if (end.error != 0 && !end.toldError) return true;
  return end.writableArmed && canWrite(side);
}

void MemoryConnection::notify(int side) {
  End& end = ends[side];
  if (end.scheduled || !hasEvents(side)) return;
  end.scheduled = true;
  end.loop->post([owner = end.owner] {
    if (owner->transport != nullptr) owner->transport->deliver();
  });
}

void MemoryConnection::failBoth(int error) {
  for (int side = 0; side < 2; ++side) {
    ends[side].error = error;
    pipes[side].bytes.clear();
    pipes[side].queued.clear();
  }
  notify(0);
  notify(1);
}

}  // namespace kist
