// A channel as a peer sees it: link cells, framing, ends; and what holds and releases its reading.
#include <doctest/doctest.h>

#include "support_plane.h"

namespace kist {
namespace {

constexpr TimeNs kRunTime = 20 * kMillisecond;

}  // namespace

TEST_CASE("channel: a link cell holds all that follows until it is dealt with") {
  PlaneRig rig;
  RawPeer& peer = rig.dialIn();
  Bytes open = rawCell(0, kOpen);
  open[6] = 42;
  peer.send(joined({open, rawCell(4, kCreate), rawCell(6, kCreate)}));
  rig.settle();
  const Event link = rig.expect(EventKind::kLinkCell);
  CHECK(link.handle == peer.channel.bits);
  CHECK(link.a == kOpen);
  CHECK(link.bytes == open);
  CHECK_FALSE(rig.has(EventKind::kCircuitCreate));
  rig.onReactor(0, [&](Reactor& reactor) {
    reactor.sendLinkCell(peer.channel, rawCell(0, kOpened));
    reactor.openChannel(peer.channel, false);
    reactor.releaseLinkCell(peer.channel);
  });
  CHECK(peer.take() == std::vector<Bytes>{rawCell(0, kOpened)});
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 4);
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 6);
  // A second OPEN on an open channel is told too.
  peer.send(open);
  rig.settle();
  CHECK(rig.has(EventKind::kLinkCell));
  CHECK(rig.isHeld(peer.channel));
}

TEST_CASE("channel: releasing link cells too often neither lets others' holds go nor harms") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  uint32_t nextId = 0;
  rig.makeForward(first, 5, second, nextId);
  rig.plane->mockTcpInfo(0)->setDefault({Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
  for (int i = 0; i < 300; ++i) first.send(rawRelay(5, 1, kData, noise(498)));
  rig.settle();
  REQUIRE(rig.isHeld(first.channel));
  rig.onReactor(0, [&](Reactor& reactor) {
    reactor.releaseLinkCell(first.channel);
    reactor.releaseLinkCell(first.channel);
  });
  CHECK(rig.isHeld(first.channel));
  rig.plane->mockTcpInfo(0)->setDefault({Status::kOk, TcpInfo{1000, 0, 1448, 0, 0}});
  rig.advance(kSecond);
  CHECK(second.take(kRelay).size() == 300);
}

TEST_CASE("channel: a first cell that is no link cell is for the control plane") {
  PlaneRig rig;
  RawPeer& peer = rig.dialIn();
  peer.send(rawCell(4, kCreate));
  peer.send(rawCell(5, kCreate));
  rig.settle();
  CHECK(rig.expect(EventKind::kLinkCell).a == kCreate);
  CHECK_FALSE(rig.has(EventKind::kLinkCell));
  CHECK_FALSE(rig.has(EventKind::kCircuitCreate));
  rig.onReactor(0, [&](Reactor& reactor) { reactor.closeChannel(peer.channel); });
  rig.settle();
  const Event closed = rig.expect(EventKind::kChannelClosed);
  CHECK(closed.a == static_cast<int64_t>(CloseReason::kRequested));
  CHECK(peer.ended());
}

TEST_CASE("channel: what was sent before the close still goes out") {
  PlaneRig rig;
  RawPeer& peer = rig.dialIn(1024);
  peer.setReading(false);
  rig.onReactor(0, [&](Reactor& reactor) {
    for (uint32_t i = 0; i < 40; ++i) reactor.sendLinkCell(peer.channel, rawCell(i, kOpenFailed));
    reactor.closeChannel(peer.channel);
  });
  CHECK(rig.expect(EventKind::kChannelClosed).handle == peer.channel.bits);
  SUBCASE("a reader gets all of it") {
    peer.setReading(true);
    rig.advance(kRunTime);
    const std::vector<Bytes> cells = peer.take();
    CHECK(cells.size() == 40);
    CHECK(peer.ended());
  }
  SUBCASE("nobody reads: it is cut") {
    rig.advance(4 * kSecond, 100 * kMillisecond);
    CHECK(rig.total().channels == 0);
    CHECK(rig.plane->budget().used() == 0);
  }
}

TEST_CASE("channel: cells that came before the end of the input are served") {
  PlaneRig rig;
  RawPeer& peer = rig.dialIn();
  peer.send(joined({rawCell(0, kOpen), rawCell(4, kCreate), rawCell(0, kOpen), rawCell(6, kCreate)}));
  peer.close(false);
  rig.settle();
  rig.expect(EventKind::kLinkCell);
  rig.onReactor(0, [&](Reactor& reactor) {
    reactor.openChannel(peer.channel, false);
    reactor.releaseLinkCell(peer.channel);
  });
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 4);
  CHECK_FALSE(rig.has(EventKind::kChannelClosed));
  rig.expect(EventKind::kLinkCell);
  rig.onReactor(0, [&](Reactor& reactor) { reactor.releaseLinkCell(peer.channel); });
  CHECK(rig.expect(EventKind::kCircuitCreate).b == 6);
  CHECK(rig.expect(EventKind::kChannelClosed).a == static_cast<int64_t>(CloseReason::kPeer));
  CHECK(rig.total().circuits == 0);
}

TEST_CASE("channel: a relay cell of impossible length closes it, a long DATA body does not") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  RawPeer& other = rig.peer();
  uint32_t nextId = 0;
  rig.makeForward(peer, 5, other, nextId);
  const Bytes body = noise(3140);
  Bytes longCell(14, 0);
  storeU16(longCell.data(), 5);
  longCell[2] = kRelay;
  storeU16(longCell.data() + 3, 9);
  storeU16(longCell.data() + 11, 3140);
  longCell[13] = kData;
  longCell.insert(longCell.end(), body.begin(), body.end());
  longCell.resize(7 * 512);
  // In pieces of every kind, and an ordinary cell after it.
  for (const size_t piece : {size_t{1}, size_t{511}, size_t{512}, size_t{513}, size_t{7 * 512}}) {
    CAPTURE(piece);
    for (size_t at = 0; at < longCell.size(); at += piece) {
      const auto begin = longCell.begin() + static_cast<std::ptrdiff_t>(at);
      peer.send(Bytes(begin, begin + static_cast<std::ptrdiff_t>(std::min(piece, longCell.size() - at))));
      if (piece > 1 || at % 100 == 0) rig.settle();
    }
    peer.send(rawRelay(5, 9, kEnd, {}));
    rig.advance(kRunTime);
    const std::vector<Bytes> cells = other.take();
    REQUIRE(cells.size() == 8);
    Bytes together;
    for (size_t i = 0; i < 7; ++i) {
      CHECK(cells[i] == rawRelay(nextId, 9, kData, bodyOf(cells[i])));
      together.insert(together.end(), cells[i].begin() + 14,
                      cells[i].begin() + 14 + loadU16(cells[i].data() + 11));
    }
    CHECK(together == body);
    CHECK(cells[7] == rawRelay(nextId, 9, kEnd, {}));
  }
  Bytes bad = rawRelay(5, 9, kBegin, {});
  storeU16(bad.data() + 11, 499);
  peer.send(bad);
  rig.advance(kRunTime);
  CHECK(rig.expect(EventKind::kChannelClosed).a == static_cast<int64_t>(CloseReason::kMalformed));
  CHECK(peer.ended());
  CHECK(other.take() == std::vector<Bytes>{rawCell(nextId, kDestroy)});
}

TEST_CASE("channel: a peer that asks and never reads is not read any more") {
  PlaneRig rig;
  RawPeer& peer = rig.dialIn(4096);
  rig.onReactor(0, [&](Reactor& reactor) { reactor.openChannel(peer.channel, false); });
  peer.setReading(false);
  peer.send(rawCell(4, kCreate));
  for (int i = 0; i < 20'000; ++i) peer.send(rawCell(4, kCreate));  // Each is answered with CREATE_FAILED.
  rig.advance(kSecond, 10 * kMillisecond);
  CHECK(peer.unsent() > 8'000'000);
  CHECK(rig.plane->budget().used() < 1'000'000);
  peer.setReading(true);
  rig.advance(3 * kSecond, 10 * kMillisecond);
  CHECK(peer.unsent() == 0);
  CHECK(peer.take(kCreateFailed).size() == 20'000);
}

TEST_CASE("channel: too many undelivered events hold the channels that cause them") {
  PlaneRig rig;
  RawPeer& peer = rig.peer();
  const Handle circuit = rig.makeCircuit(peer, 4);
  rig.drains = false;
  for (int i = 0; i < 5000; ++i) peer.send(rawRelay(4, 1, kBegin, {}));
  rig.advance(kRunTime);
  CHECK(rig.isHeld(peer.channel));
  CHECK(rig.plane->undeliveredEvents() <= EventQueue::kHigh);
  rig.drains = true;
  rig.advance(kRunTime);
  CHECK_FALSE(rig.isHeld(peer.channel));
  CHECK(rig.count(EventKind::kRelayMessage) == 5000);
  rig.close(circuit);
}

TEST_CASE("channel: without credit CREATE is held up too, and other channels go on") {
  PlaneRig rig;
  RawPeer& first = rig.peer();
  RawPeer& second = rig.peer();
  RawPeer& third = rig.peer();
  uint32_t nextId = 0;
  rig.makeForward(second, 4, third, nextId);
  rig.drains = false;
  for (uint32_t i = 0; i < 3000; ++i) first.send(rawCell(i + 1, kCreate));
  rig.advance(kRunTime);
  CHECK(rig.isHeld(first.channel));
  second.send(rawRelay(4, 1, kData, {1}));
  rig.advance(kRunTime);
  CHECK(third.take(kRelay).size() == 1);
  rig.drains = true;
  rig.advance(kRunTime);
  CHECK(rig.count(EventKind::kCircuitCreate) == 3000);
}

}  // namespace kist
