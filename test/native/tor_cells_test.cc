// Tor's cells: how they are cut, what they are, what is written into them.
#include <doctest/doctest.h>

#include <cerrno>

#include "registry/dialects.h"
#include "support_tor.h"

namespace kist {
namespace {

using Commands = std::initializer_list<uint8_t>;

const Dialect& tor() { return *findDialect("tor"); }

struct Framed {
  std::vector<Bytes> cells;
  std::vector<CellView> views;
  bool isMalformed = false;
};

Framed frame(const Bytes& stream) {
  Framed framed;
  const auto framer = tor().makeFramer();
  ByteSpan rest(stream);
  while (true) {
    CellView cell;
    size_t consumed = 0;
    const Framer::Result result = framer->next(rest, cell, consumed);
    rest = rest.subspan(consumed);
    framed.isMalformed = result == Framer::Result::kMalformed;
    if (result != Framer::Result::kCell) return framed;
    framed.cells.emplace_back(cell.bytes, cell.bytes + cell.length);
    framed.views.push_back(cell);
  }
}

const Bytes kVersions{0, 0, 7, 0, 4, 0, 4, 0, 5};

Bytes variableCell(uint8_t command, const Bytes& payload) {
  Bytes cell{0, 0, 0, 0, command, 0, 0};
  storeU16(cell.data() + 5, static_cast<uint16_t>(payload.size()));
  cell.insert(cell.end(), payload.begin(), payload.end());
  return cell;
}

}  // namespace

TEST_CASE("tor cells: VERSIONS comes first, with a circuit ID of 2 bytes; anything else is malformed") {
  for (uint32_t command = 0; command < 256; ++command) {
    CAPTURE(command);
    Bytes first(514, 0);
    first[2] = static_cast<uint8_t>(command);
    CHECK(frame(first).isMalformed == (command != 7));
  }
  CHECK(frame(Bytes{'G', 'E', 'T', ' ', '/'}).isMalformed);
  CHECK(frame(Bytes{'G', 'E', 'T'}).isMalformed);  // At the third byte, not when a cell would be full.
  const Framed framed = frame(joined({kVersions, torCell(5, 10), variableCell(129, {1, 2, 3}), kVersions}));
  REQUIRE(framed.cells.size() == 3);  // What looks like VERSIONS again is the beginning of another cell.
  CHECK(framed.cells[0] == kVersions);
  CHECK(framed.views[0].kind == CellKind::kLink);
  CHECK(framed.views[1].circId == 5);
  CHECK(framed.views[1].length == 514);
  CHECK(framed.cells[2] == variableCell(129, {1, 2, 3}));
}

TEST_CASE("tor cells: commands 7 and from 128 on have a length of their own, also 0 and the longest") {
  for (uint32_t command = 0; command < 256; ++command) {
    CAPTURE(command);
    const auto byte = static_cast<uint8_t>(command);
    const bool isVariable = command == 7 || command >= 128;
    const std::vector<Bytes> cells =
        isVariable ? std::vector<Bytes>{variableCell(byte, {}), variableCell(byte, noise(65535)),
                                        variableCell(byte, noise(498))}
                   : std::vector<Bytes>{torCell(3, byte), torCell(4, byte), torCell(5, byte)};
    const Framed framed = frame(joined({kVersions, joined(cells)}));
    REQUIRE(framed.cells.size() == 4);
    for (size_t i = 0; i < 3; ++i) CHECK(framed.cells[i + 1] == cells[i]);
  }
}

TEST_CASE("tor cells: each command means one thing") {
  const auto kindOf = [](uint8_t command) { return tor().view(torCell(9, command).data()).kind; };
  for (const uint8_t command : Commands{0, 128}) CHECK(kindOf(command) == CellKind::kPadding);
  for (const uint8_t command : Commands{1, 5, 10}) CHECK(kindOf(command) == CellKind::kCreate);
  for (const uint8_t command : Commands{2, 6, 11}) CHECK(kindOf(command) == CellKind::kCreated);
  for (const uint8_t command : Commands{3, 9}) CHECK(kindOf(command) == CellKind::kRelay);
  CHECK(kindOf(4) == CellKind::kDestroy);
  for (const uint8_t command : Commands{7, 8, 12, 129, 130, 131, 132})
    CHECK(kindOf(command) == CellKind::kLink);
  for (const uint8_t command : Commands{13, 127, 133, 255}) CHECK(kindOf(command) == CellKind::kUnknown);
  CHECK_FALSE(tor().view(torCell(9, 3).data()).isEarly);
  CHECK(tor().view(torCell(9, 9).data()).isEarly);
}

TEST_CASE("tor cells: the answer to a create cell is that of its kind, with the payload as given") {
  Bytes cell(514, 0xee);
  for (const auto& [create, created] : {std::pair<uint8_t, uint8_t>{1, 2}, {5, 6}, {10, 11}}) {
    tor().encodeCreated(cell.data(), 77, create, Bytes{0, 3, 1, 2, 3});
    CHECK(cell == torCell(77, created, {0, 3, 1, 2, 3}));
  }
  tor().encodeCreate(cell.data(), 0x80000001u, Bytes{0, 2, 0, 1, 9});
  CHECK(cell == torCell(0x80000001u, 10, {0, 2, 0, 1, 9}));
  tor().encodeCreateFailed(cell.data(), 5, 2);
  CHECK(cell == torCell(5, 4, {2}));
}

TEST_CASE("tor cells: a relay header as tor-spec 6.1 has it") {
  Bytes cell(514, 0xee);
  tor().encodeRelay(cell.data(), 0x01020304, 0x0506, 2, Bytes{9, 8, 7});
  CHECK(cell == torCell(0x01020304, 3, {2, 0, 0, 5, 6, 0, 0, 0, 0, 0, 3, 9, 8, 7}));
  tor().encodeRelay(cell.data(), 1, 0, 14, {}, true);
  CHECK(cell == torCell(1, 9, {14}));
  for (const uint32_t length : {498u, 499u, 65535u}) {
    storeU16(cell.data() + 14, static_cast<uint16_t>(length));
    RelayMessage message;
    CHECK(tor().parseRelay(cell.data(), message) == (length == 498));
  }
  const auto kindOf = [&](uint8_t command) {
    RelayMessage message;
    tor().encodeRelay(cell.data(), 1, 4, command, {});
    CHECK(tor().parseRelay(cell.data(), message));
    return message.kind;
  };
  CHECK(kindOf(2) == RelayKind::kData);
  CHECK(kindOf(3) == RelayKind::kEnd);
  CHECK(kindOf(4) == RelayKind::kConnected);
  CHECK(kindOf(5) == RelayKind::kSendme);
  CHECK(kindOf(6) == RelayKind::kExtend);
  CHECK(kindOf(14) == RelayKind::kExtend);
  CHECK(kindOf(10) == RelayKind::kDrop);
  CHECK(kindOf(1) == RelayKind::kBegin);
  CHECK(kindOf(13) == RelayKind::kBegin);
  for (const uint8_t command : Commands{0, 7, 8, 9, 11, 12, 15, 41, 255})
    CHECK(kindOf(command) == RelayKind::kControl);
}

TEST_CASE("tor cells: reasons of DESTROY and END") {
  const auto destroy = [](CloseReason reason) { return tor().destroyReason(reason); };
  CHECK(destroy(CloseReason::kMalformed) == 1);
  CHECK(destroy(CloseReason::kError) == 2);
  CHECK(destroy(CloseReason::kRequested) == 3);
  CHECK(destroy(CloseReason::kShutdown) == 4);
  CHECK(destroy(CloseReason::kMemory) == 5);
  CHECK(destroy(CloseReason::kQueueFull) == 5);
  CHECK(destroy(CloseReason::kChannelClosed) == 8);
  CHECK(destroy(CloseReason::kIdle) == 9);
  CHECK(destroy(CloseReason::kTimeout) == 10);
  const auto end = [](CloseReason reason, int error = 0) { return tor().endReason(reason, error); };
  CHECK(end(CloseReason::kNone) == 6);
  CHECK(end(CloseReason::kRequested) == 1);
  CHECK(end(CloseReason::kError, ECONNREFUSED) == 3);
  CHECK(end(CloseReason::kError, ETIMEDOUT) == 7);
  CHECK(end(CloseReason::kError, ENETUNREACH) == 8);
  CHECK(end(CloseReason::kError, EMFILE) == 11);
  CHECK(end(CloseReason::kError, ECONNRESET) == 12);
  CHECK(end(CloseReason::kError, EPIPE) == 12);
  CHECK(end(CloseReason::kChannelClosed) == 5);
}

TEST_CASE("tor cells: a channel takes the longest cell, however it is cut, and drops padding") {
  size_t step = 0;
  SUBCASE("at once") { step = 1u << 20; }
  SUBCASE("in odd pieces") { step = 7919; }
  PlaneRig rig(PlaneRig::config(), "tor");
  RawPeer& peer = rig.peer();
  const Bytes padding = variableCell(128, noise(65535));
  const Bytes unknown = variableCell(200, noise(65535, 2));
  const Bytes link = variableCell(132, noise(65535, 3));
  const Bytes all = joined({padding, torCell(0, 0, noise(509)), unknown, link, torCell(7, 10)});
  for (size_t at = 0; at < all.size(); at += step) {
    const size_t end = std::min(all.size(), at + step);
    peer.send(
        Bytes(all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(end)));
    rig.settle();
  }
  CHECK(rig.expect(EventKind::kLinkCell).bytes == link);
  CHECK_FALSE(rig.has(EventKind::kCircuitCreate));  // What follows a link cell waits for its release.
  rig.onReactor(0, [&](Reactor& reactor) { reactor.releaseLinkCell(peer.channel); });
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 7);
  CHECK_FALSE(rig.has(EventKind::kLinkCell));
  CHECK(rig.total().counters.unknownCells == 1);
}

}  // namespace kist
