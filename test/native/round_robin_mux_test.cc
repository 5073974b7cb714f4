#include "circuit/round_robin_mux.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace kist;

TEST_CASE("round robin serves one circuit after the other, whatever each has sent") {
  PriorityBase base(0);
  RoundRobinMux mux(base);
  CellPool pool;
  std::array<CircuitQueue, 3> queues;
  for (size_t i = 0; i < queues.size(); ++i) {
    mux.attach(queues[i], i + 1);
    for (int n = 0; n < 4; ++n) queues[i].push(pool.take());
    mux.activate(queues[i]);
  }
  base.beginRun(kSecond);
  std::vector<uint64_t> order;
  for (int i = 0; i < 7; ++i) {
    CircuitQueue& best = *mux.best();
    order.push_back(best.key().handle);
    pool.giveBack(best.pop());
    mux.onCellSent(best);
    mux.settle(best);
    CHECK(best.key().count == 0);
  }
  CHECK(order == std::vector<uint64_t>{1, 2, 3, 1, 2, 3, 1});
  for (CircuitQueue& queue : queues) {
    while (!queue.isEmpty()) pool.giveBack(queue.pop());
    mux.detach(queue);
  }
}
