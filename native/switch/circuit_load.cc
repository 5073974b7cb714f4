#include "switch/circuit_load.h"

#include <algorithm>

#include "edge/circuit_streams.h"

namespace kist {

CircuitLoad loadOf(const Circuit& circuit) {
  CircuitLoad load;
  const CircuitQueue& backward = circuit.previous.queue;
  const CircuitQueue& forward = circuit.next.queue;
  load.bytes = (uint64_t{backward.size()} + forward.size() + circuit.held.size()) * sizeof(Cell);
  load.oldest = std::min({backward.oldest(), forward.oldest(), circuit.held.oldest()});
  if (!circuit.streams) return load;
  for (const auto& stream : circuit.streams->all()) {
    const uint64_t waiting = stream->waitingForReader() + stream->outgoing.size();
    if (waiting == 0) continue;
    load.bytes += waiting;
    load.oldest = std::min(load.oldest, stream->lastMoved);
  }
  return load;
}

}  // namespace kist
