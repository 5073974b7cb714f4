#pragma once

#include "sched/schedulable_channel.h"

namespace kist {

/// SchedulableChannel::flush for any channel: moves one DESTROY, or a run of cells of the best circuit while
/// it stays strictly best, so that the order with runs equals the order one cell at a time. `Port` moves the
/// bytes:
///   uint64_t nextCellCost() const;         wire bytes of one more cell, asked anew before each;
///   void appendCell(CircuitQueue& queue);  pops one cell into the outbuf and gives it back to its pool; may
///   lead to new
///                                          cells in any queue, but must not detach or destroy this one;
///   void appendDestroy(const PendingDestroy& destroy);
/// Not to be called when the channel is closing.
template <typename Port>
SchedulableChannel::FlushResult flushRun(CircuitMux& mux, Port& port, const PriorityKey* rival,
                                         uint64_t budget) {
  SchedulableChannel::FlushResult result;
  uint64_t cost = port.nextCellCost();
  if (cost > budget) return result;
  if (mux.isDestroyNext()) {
    port.appendDestroy(mux.takeDestroy());
    result.cells = 1;
    result.wireBytes = cost;
    return result;
  }
  CircuitQueue* queue = mux.best();
  if (queue == nullptr) return result;
  PriorityKey second;
  const bool hasSecond = mux.secondBestKey(second);
  const uint32_t changes = mux.changes();
  result.circuit = queue;
  do {
    port.appendCell(*queue);
    mux.onCellSent(*queue);
    mux.onDataCellSent();
    ++result.cells;
    result.wireBytes += cost;
    if (queue->isEmpty() || mux.isDestroyNext() || mux.changes() != changes) break;
    if (rival != nullptr && !(queue->key() < *rival)) break;
    if (hasSecond && !(queue->key() < second)) break;
    cost = port.nextCellCost();
  } while (result.wireBytes + cost <= budget);
  mux.settle(*queue);
  return result;
}

}  // namespace kist
