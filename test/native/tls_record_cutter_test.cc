#include "transport/tls_record_cutter.h"

#include <doctest/doctest.h>

#include <vector>

using namespace kist;

namespace {

/// The lengths of the records cut from parts of these lengths, with room for 100 bytes; checks their bytes.
std::vector<size_t> cut(const std::vector<size_t>& lengths) {
  std::vector<uint8_t> bytes, seen;
  for (size_t length : lengths) {
    for (size_t i = 0; i < length; ++i) bytes.push_back(static_cast<uint8_t>(bytes.size()));
  }
  std::vector<iovec> parts;
  size_t from = 0;
  for (size_t length : lengths) {
    parts.push_back({length == 0 ? nullptr : bytes.data() + from, length});
    from += length;
  }
  uint8_t room[100];
  TlsRecordCutter cutter(parts.data(), static_cast<int>(parts.size()));
  std::vector<size_t> records;
  for (ByteSpan record = cutter.next(room); !record.empty(); record = cutter.next(room)) {
    records.push_back(record.size());
    seen.insert(seen.end(), record.begin(), record.end());
  }
  CHECK(cutter.next(room).empty());
  CHECK(seen == bytes);
  return records;
}

using Lengths = std::vector<size_t>;

}  // namespace

TEST_CASE("record cutter: every record is full but for the last") {
  CHECK(cut({}) == Lengths{});
  CHECK(cut({0, 0}) == Lengths{});
  CHECK(cut({1}) == Lengths{1});
  CHECK(cut({100}) == Lengths{100});
  CHECK(cut({101}) == Lengths{100, 1});
  CHECK(cut({250, 0}) == Lengths{100, 100, 50});
  CHECK(cut({0, 30, 0, 30, 0, 30, 0}) == Lengths{90});
  CHECK(cut({99, 1, 99, 2}) == Lengths{100, 100, 1});
  CHECK(cut({60, 300, 60}) == Lengths{100, 100, 100, 100, 20});
}

TEST_CASE("record cutter: bytes that lie together are not copied") {
  uint8_t bytes[250] = {};
  uint8_t room[100];
  const iovec part{bytes, sizeof bytes};
  TlsRecordCutter cutter(&part, 1);
  CHECK(cutter.next(room).data() == bytes);
  CHECK(cutter.next(room).data() == bytes + 100);
  CHECK(cutter.next(room).data() == bytes + 200);
}
