#include "base/slot_table.h"

#include <doctest/doctest.h>

#include <set>

using namespace kist;

TEST_CASE("slot table: a stale handle finds and removes nothing, though its slot is in use again") {
  SlotTable<int> table(3);
  std::vector<Handle> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(table.insert(std::make_unique<int>(i)));
  for (const Handle handle : handles) CHECK(table.remove(handle) != nullptr);
  CHECK(table.size() == 0);
  std::set<uint32_t> slots;
  for (int i = 0; i < 1000; ++i) slots.insert(table.insert(std::make_unique<int>(1000 + i)).slot());
  // The same 1,000 slots, each with a new object.
  CHECK(slots.size() == 1000);
  CHECK(*slots.rbegin() == 999);
  for (const Handle handle : handles) {
    CHECK(table.find(handle) == nullptr);
    CHECK(table.remove(handle) == nullptr);
  }
  CHECK(table.size() == 1000);
}

TEST_CASE("slot table: handles find their objects, and name their reactor") {
  SlotTable<int> table(5);
  const Handle one = table.insert(std::make_unique<int>(1));
  const Handle two = table.insert(std::make_unique<int>(2));
  CHECK(one.reactor() == 5);
  CHECK(*table.find(one) == 1);
  CHECK(*table.find(two) == 2);
  CHECK(*table.remove(one) == 1);
  CHECK(table.find(one) == nullptr);
  CHECK(table.find(Handle{}) == nullptr);
  CHECK(table.find(Handle::make(5, 4000, 1)) == nullptr);
  int sum = 0;
  table.forEach([&](int value) { sum += value; });
  CHECK(sum == 2);
}

TEST_CASE("slot table: a slot that is used again and again gets a new handle each time") {
  SlotTable<int> table(0);
  std::set<uint64_t> seen;
  for (int i = 0; i < 5000; ++i) {
    const Handle handle = table.insert(std::make_unique<int>(i));
    CHECK(seen.insert(handle.bits).second);
    REQUIRE(table.remove(handle) != nullptr);
  }
}
