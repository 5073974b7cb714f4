// Every dialect of the table: what it encodes it reads back, and cells survive any cut of the byte stream.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "registry/dialects.h"
#include "support_plane.h"

namespace kist {
namespace {

struct Cut {
  std::vector<Bytes> cells;
  bool malformed = false;
};

/// Frames `stream` handed in as pieces that end at `cuts`, as a channel does: what is not consumed comes
/// again.
Cut frame(const Dialect& dialect, const Bytes& stream, const std::vector<size_t>& cuts) {
  Cut cut;
  const auto framer = dialect.makeFramer();
  Bytes input;
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : stream.size();
    input.insert(input.end(), stream.begin() + static_cast<std::ptrdiff_t>(at),
                 stream.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
    while (true) {
      CellView cell;
      size_t consumed = 0;
      const Framer::Result result = framer->next(input, cell, consumed);
      REQUIRE(consumed <= input.size());
      if (result == Framer::Result::kCell) cut.cells.emplace_back(cell.bytes, cell.bytes + cell.length);
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(consumed));
      if (result == Framer::Result::kMalformed) cut.malformed = true;
      if (result != Framer::Result::kCell) break;
    }
    if (cut.malformed) break;
  }
  return cut;
}

template <typename F>
void forEachDialect(F&& body) {
  for (const Dialect* dialect : dialects()) {
    const std::string name = dialect->name();
    CAPTURE(name);
    body(*dialect);
  }
}

/// What must come before any other cell, where there is such.
Bytes greeting(const Dialect& dialect) {
  return std::string(dialect.name()) == "tor" ? Bytes{0, 0, 7, 0, 4, 0, 4, 0, 5} : Bytes{};
}

Bytes encodedStream(const Dialect& dialect) {
  Bytes stream = greeting(dialect);
  Bytes cell(dialect.cellLength());
  const auto append = [&] { stream.insert(stream.end(), cell.begin(), cell.end()); };
  dialect.encodeCreate(cell.data(), 7, noise(20));
  append();
  dialect.encodeRelay(cell.data(), 7, 3, dialect.relayDataCommand(), noise(dialect.relayDataCapacity()));
  append();
  dialect.encodeRelay(cell.data(), 7, 3, dialect.relayEndCommand(), {});
  append();
  dialect.encodeDestroy(cell.data(), 7, 0);
  append();
  return stream;
}

}  // namespace

TEST_CASE("dialects: the table names each once and finds it") {
  std::set<std::string> names;
  forEachDialect([&](const Dialect& dialect) {
    CHECK(names.insert(dialect.name()).second);
    CHECK(findDialect(dialect.name()) == &dialect);
  });
  CHECK(findDialect("none") == nullptr);
}

TEST_CASE("dialects: lengths fit the pool's cells") {
  forEachDialect([](const Dialect& dialect) {
    CHECK(dialect.cellLength() <= kMaxCellLength);
    CHECK(dialect.relayDataCapacity() > 0);
    CHECK(dialect.relayDataCapacity() < dialect.cellLength());
    CHECK(dialect.maxCircId() >= 0xffff);
  });
}

TEST_CASE("dialects: control cells are read back with their kind and circuit ID") {
  forEachDialect([](const Dialect& dialect) {
    Bytes cell(dialect.cellLength(), 0xee);
    for (const uint32_t circId : {1u, 2u, 0x1234u, dialect.maxCircId()}) {
      const auto kindNow = [&] {
        const CellView view = dialect.view(cell.data());
        CHECK(view.circId == circId);
        CHECK(view.length == dialect.cellLength());
        return view.kind;
      };
      dialect.encodeCreate(cell.data(), circId, noise(30));
      CHECK(kindNow() == CellKind::kCreate);
      const uint8_t createCommand = dialect.view(cell.data()).command;
      dialect.encodeCreated(cell.data(), circId, createCommand, {});
      CHECK(kindNow() == CellKind::kCreated);
      dialect.encodeDestroy(cell.data(), circId, 3);
      CHECK(kindNow() == CellKind::kDestroy);
      dialect.encodeCreateFailed(cell.data(), circId, 1);
      const CellKind refusal = kindNow();
      CHECK((refusal == CellKind::kCreateFailed || refusal == CellKind::kDestroy));
      CHECK((refusal == CellKind::kDestroy) == dialect.traits().endsAtOnce);
      dialect.setCircId(cell.data(), 99);
      CHECK(dialect.view(cell.data()).circId == 99);
    }
  });
}

TEST_CASE("dialects: both ends of a channel have circuit IDs of their own, none of them 0") {
  forEachDialect([](const Dialect& dialect) {
    const CircIds opener = dialect.circIds(true);
    const CircIds other = dialect.circIds(false);
    for (const CircIds& ids : {opener, other}) {
      CHECK(ids.first != 0);
      CHECK(ids.last <= dialect.maxCircId());
      CHECK(ids.count() > 30'000);
      CHECK(ids.contains(ids.first));
      CHECK(ids.contains(ids.last));
      CHECK_FALSE(ids.contains(0));
    }
    for (uint32_t i = 0; i < 1000; ++i) {
      CHECK_FALSE(other.contains(opener.first + i * opener.step));
      CHECK_FALSE(opener.contains(other.last - i * other.step));
    }
  });
}

TEST_CASE("dialects: a DESTROY says why for every reason, where it has one") {
  forEachDialect([](const Dialect& dialect) {
    Bytes cell(dialect.cellLength(), 0xee);
    for (size_t i = 0; i < kCloseReasons; ++i) {
      const uint8_t reason = dialect.destroyReason(static_cast<CloseReason>(i));
      dialect.encodeDestroy(cell.data(), 8, reason);
      CHECK(dialect.destroyReasonIn(cell.data()) == reason);
    }
  });
}

TEST_CASE("dialects: a payload longer than a cell is cut, not written past its end") {
  forEachDialect([](const Dialect& dialect) {
    Bytes cell(dialect.cellLength() + 64, 0xee);
    const Bytes payload = noise(5000);
    const auto edgeIsWhole = [&] {
      return std::all_of(cell.begin() + dialect.cellLength(), cell.end(),
                         [](uint8_t byte) { return byte == 0xee; });
    };
    dialect.encodeCreate(cell.data(), 1, payload);
    CHECK(edgeIsWhole());
    dialect.encodeCreated(cell.data(), 1, dialect.view(cell.data()).command, payload);
    CHECK(edgeIsWhole());
    dialect.encodeRelay(cell.data(), 1, 1, 9, payload);
    CHECK(edgeIsWhole());
  });
}

TEST_CASE("dialects: relay bodies of every length are read back") {
  forEachDialect([](const Dialect& dialect) {
    Bytes cell(dialect.cellLength(), 0xee);
    for (uint32_t length = 0; length <= dialect.relayDataCapacity(); ++length) {
      const Bytes body = noise(length, length + 1);
      dialect.encodeRelay(cell.data(), 5, static_cast<uint16_t>(length), dialect.relayDataCommand(), body);
      RelayMessage message;
      REQUIRE(dialect.parseRelay(cell.data(), message));
      REQUIRE(message.kind == RelayKind::kData);
      REQUIRE(message.streamId == length);
      REQUIRE(Bytes(message.data.begin(), message.data.end()) == body);
      REQUIRE(dialect.view(cell.data()).kind == CellKind::kRelay);
    }
    dialect.encodeRelay(cell.data(), 5, 1, dialect.relayEndCommand(), {});
    RelayMessage message;
    CHECK(dialect.parseRelay(cell.data(), message));
    CHECK(message.kind == RelayKind::kEnd);
    CHECK(message.data.empty());
  });
}

TEST_CASE("dialects: the same cells come of every cut of the stream") {
  forEachDialect([](const Dialect& dialect) {
    const Bytes stream = encodedStream(dialect);
    const Cut whole = frame(dialect, stream, {});
    CHECK(whole.cells.size() == (greeting(dialect).empty() ? 4 : 5));
    CHECK(joined(whole.cells) == stream);
    for (size_t at = 1; at < stream.size(); ++at) {
      const Cut cut = frame(dialect, stream, {at});
      REQUIRE_FALSE(cut.malformed);
      REQUIRE(cut.cells == whole.cells);
    }
    std::vector<size_t> every;
    for (size_t at = 1; at < stream.size(); ++at) every.push_back(at);
    CHECK(frame(dialect, stream, every).cells == whole.cells);
  });
}

TEST_CASE("tor61 dialect: a long DATA body of every length class is re-cut the same at every cut") {
  const Dialect& dialect = *findDialect("tor61");
  for (const size_t length :
       {size_t{499}, size_t{996}, size_t{997}, size_t{1010}, size_t{1011}, size_t{3140}}) {
    CAPTURE(length);
    Bytes stream = rawRelay(3, 8, kData, {});
    stream.resize(14);
    storeU16(stream.data() + 11, static_cast<uint16_t>(length));
    const Bytes body = noise(length);
    stream.insert(stream.end(), body.begin(), body.end());
    stream.resize((stream.size() + 511) / 512 * 512);
    const Bytes last = rawRelay(3, 8, kEnd, {});
    stream.insert(stream.end(), last.begin(), last.end());
    const Cut whole = frame(dialect, stream, {});
    REQUIRE(whole.cells.size() == (length + 497) / 498 + 1);
    Bytes got;
    for (const Bytes& cell : whole.cells) {
      CHECK(cell.size() == 512);
      const Bytes part = bodyOf(cell);
      got.insert(got.end(), part.begin(), part.end());
    }
    CHECK(got == body);
    CHECK(whole.cells.back() == last);
    for (size_t at = 1; at < stream.size(); ++at) REQUIRE(frame(dialect, stream, {at}).cells == whole.cells);
  }
}

TEST_CASE("tor61 dialect: any other body over 498 bytes is malformed") {
  const Dialect& dialect = *findDialect("tor61");
  for (uint32_t command = 0; command < 256; ++command) {
    Bytes cell = rawRelay(3, 8, static_cast<uint8_t>(command), {});
    storeU16(cell.data() + 11, 499);
    CHECK(frame(dialect, cell, {}).malformed == (command != kData));
    RelayMessage message;
    CHECK_FALSE(dialect.parseRelay(cell.data(), message));
  }
}

}  // namespace kist
