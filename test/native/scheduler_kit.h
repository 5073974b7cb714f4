#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/scripted_scheduler.h"

namespace kist {

/// (channel, circuit) of each cell in the order of leaving; circuit 0 is a DESTROY.
using CellOrder = std::vector<std::pair<uint32_t, uint32_t>>;

inline CellOrder cellOrder(const sim::ScriptedTrace& trace) {
  CellOrder order;
  for (const sim::FlushRecord& record : trace.flushes)
    order.insert(order.end(), record.cells, {record.channel, record.circuit});
  return order;
}

/// Circuits of the cells, one letter a circuit (a = 1), 'D' for a DESTROY.
inline std::string letters(const sim::ScriptedTrace& trace) {
  std::string text;
  for (const auto& [channel, circuit] : cellOrder(trace)) {
    text += circuit == 0 ? 'D' : static_cast<char>('a' + circuit - 1);
  }
  return text;
}

inline MockTcpInfo::Answer figures(uint32_t cwnd, uint32_t unacked, uint32_t mss, uint32_t notsent,
                                   uint64_t pacingRate = 0) {
  return {Status::kOk, TcpInfo{cwnd, unacked, mss, notsent, pacingRate}};
}

/// Figures whose limit is exactly `cells` cells of 512 bytes.
inline MockTcpInfo::Answer roomFor(uint32_t cells) { return figures(cells, cells, 512, 0); }

/// A configuration without early runs and parking.
inline SchedulerConfig plainConfig() {
  SchedulerConfig config;
  config.drainWake = config.lightWake = config.fullWake = config.parking = false;
  return config;
}

}  // namespace kist
