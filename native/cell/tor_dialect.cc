#include "cell/tor_dialect.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace kist {

namespace {

constexpr std::array<CellKind, 256> makeKinds() {
  std::array<CellKind, 256> kinds{};
  for (CellKind& kind : kinds) kind = CellKind::kUnknown;
  for (const auto command : {TorDialect::kPadding, TorDialect::kVpadding})
    kinds[command] = CellKind::kPadding;
  for (const auto command : {TorDialect::kCreate, TorDialect::kCreateFast, TorDialect::kCreate2})
    kinds[command] = CellKind::kCreate;
  for (const auto command : {TorDialect::kCreated, TorDialect::kCreatedFast, TorDialect::kCreated2})
    kinds[command] = CellKind::kCreated;
  for (const auto command : {TorDialect::kRelay, TorDialect::kRelayEarly}) kinds[command] = CellKind::kRelay;
  kinds[TorDialect::kDestroy] = CellKind::kDestroy;
  for (const auto command :
       {TorDialect::kVersions, TorDialect::kNetinfo, TorDialect::kPaddingNegotiate, TorDialect::kCerts,
        TorDialect::kAuthChallenge, TorDialect::kAuthenticate, TorDialect::kAuthorize})
    kinds[command] = CellKind::kLink;
  return kinds;
}

constexpr std::array<CellKind, 256> kKinds = makeKinds();

constexpr std::array<RelayKind, 256> makeRelayKinds() {
  std::array<RelayKind, 256> kinds{};
  for (RelayKind& kind : kinds) kind = RelayKind::kControl;
  kinds[TorDialect::kData] = RelayKind::kData;
  kinds[TorDialect::kEnd] = RelayKind::kEnd;
  kinds[TorDialect::kBegin] = kinds[TorDialect::kBeginDir] = RelayKind::kBegin;
  kinds[TorDialect::kConnected] = RelayKind::kConnected;
  kinds[TorDialect::kSendme] = RelayKind::kSendme;
  kinds[TorDialect::kExtend] = kinds[TorDialect::kExtend2] = RelayKind::kExtend;
  kinds[TorDialect::kDrop] = RelayKind::kDrop;
  return kinds;
}

constexpr std::array<RelayKind, 256> kRelayKinds = makeRelayKinds();

void encodeFixed(uint8_t* cell, uint32_t circId, uint8_t command, ByteSpan payload) {
  storeU32(cell, circId);
  cell[4] = command;
  const size_t length = std::min<size_t>(payload.size(), TorDialect::kCellLength - TorDialect::kHeader);
  if (length > 0) std::memcpy(cell + TorDialect::kHeader, payload.data(), length);
  std::memset(cell + TorDialect::kHeader + length, 0, TorDialect::kCellLength - TorDialect::kHeader - length);
}

}  // namespace

std::unique_ptr<Framer> TorDialect::makeFramer() const { return std::make_unique<TorFramer>(*this); }

CellView TorDialect::view(const uint8_t* cell) const {
  const uint8_t command = cell[4];
  return CellView{cell, kCellLength, loadU32(cell), command, kKinds[command], command == kRelayEarly};
}

void TorDialect::encodeCreate(uint8_t* cell, uint32_t circId, ByteSpan payload) const {
  encodeFixed(cell, circId, kCreate2, payload);
}

void TorDialect::encodeCreated(uint8_t* cell, uint32_t circId, uint8_t createCommand,
                               ByteSpan payload) const {
  const uint8_t answer = createCommand == kCreateFast ? kCreatedFast
                         : createCommand == kCreate   ? kCreated
                                                      : kCreated2;
  encodeFixed(cell, circId, answer, payload);
}

void TorDialect::encodeCreateFailed(uint8_t* cell, uint32_t circId, uint8_t reason) const {
  encodeDestroy(cell, circId, reason);
}

void TorDialect::encodeDestroy(uint8_t* cell, uint32_t circId, uint8_t reason) const {
  encodeFixed(cell, circId, kDestroy, ByteSpan(&reason, 1));
}

uint8_t TorDialect::destroyReason(CloseReason reason) const {
  switch (reason) {
    case CloseReason::kNone:
      return kNoReason;
    case CloseReason::kRequested:
      return kRequested;
    case CloseReason::kPeer:
      return kDestroyed;
    case CloseReason::kError:
      return kInternal;
    case CloseReason::kMalformed:
      return kProtocol;
    case CloseReason::kIdle:
      return kFinished;
    case CloseReason::kChannelClosed:
      return kChannelClosed;
    case CloseReason::kTimeout:
      return kTimeout;
    case CloseReason::kShutdown:
      return kHibernating;
    case CloseReason::kStalled:
    case CloseReason::kQueueFull:
    case CloseReason::kHeldTooMany:
    case CloseReason::kMemory:
    case CloseReason::kExhausted:
      return kResourceLimit;
  }
  return kInternal;
}

uint8_t TorDialect::endReason(CloseReason reason, int error) const {
  switch (error) {
    case 0:
      break;
    case ECONNREFUSED:
      return kEndConnectRefused;
    case ETIMEDOUT:
      return kEndTimeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EACCES:
    case EPERM:
      return kEndNoRoute;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return kEndResourceLimit;
    default:
      return kEndConnReset;
  }
  switch (reason) {
    case CloseReason::kNone:
    case CloseReason::kIdle:
      return kEndDone;
    case CloseReason::kError:
      return kEndConnReset;
    case CloseReason::kTimeout:
    case CloseReason::kStalled:
      return kEndTimeout;
    case CloseReason::kPeer:
    case CloseReason::kChannelClosed:
      return kEndDestroy;
    case CloseReason::kMalformed:
      return kEndProtocol;
    case CloseReason::kShutdown:
      return kEndHibernating;
    case CloseReason::kQueueFull:
    case CloseReason::kHeldTooMany:
    case CloseReason::kMemory:
    case CloseReason::kExhausted:
      return kEndResourceLimit;
    case CloseReason::kRequested:
      break;
  }
  return kEndMisc;
}

bool TorDialect::parseRelay(const uint8_t* cell, RelayMessage& message) const {
  const uint16_t length = loadU16(cell + 14);
  if (length > kBodyCapacity) return false;
  message.command = cell[kHeader];
  message.streamId = loadU16(cell + 8);
  message.kind = kRelayKinds[message.command];
  message.data = ByteSpan(cell + kRelayHeader, length);
  return true;
}

void TorDialect::encodeRelay(uint8_t* cell, uint32_t circId, uint16_t streamId, uint8_t command,
                             ByteSpan body, bool isEarly) const {
  const size_t length = std::min<size_t>(body.size(), kBodyCapacity);
  storeU32(cell, circId);
  cell[4] = isEarly ? kRelayEarly : kRelay;
  std::memset(cell + kHeader, 0, kRelayHeader - kHeader);
  cell[kHeader] = command;
  storeU16(cell + 8, streamId);
  storeU16(cell + 14, static_cast<uint16_t>(length));
  if (length > 0) std::memcpy(cell + kRelayHeader, body.data(), length);
  std::memset(cell + kRelayHeader + length, 0, kBodyCapacity - length);
}

Framer::Result TorFramer::next(ByteSpan input, CellView& cell, size_t& consumed) {
  consumed = 0;
  if (!hasVersions_) {
    const Result result = first(input, cell, consumed);
    hasVersions_ = result == Result::kCell;
    return result;
  }
  if (input.size() < TorDialect::kHeader) return Result::kNeedMore;
  size_t length = TorDialect::kCellLength;
  if (TorDialect::isVariable(input[4])) {
    if (input.size() < TorDialect::kHeader + 2) return Result::kNeedMore;
    length = TorDialect::kHeader + 2 + size_t{loadU16(input.data() + TorDialect::kHeader)};
  }
  if (input.size() < length) return Result::kNeedMore;
  cell = dialect_.view(input.data());
  cell.length = static_cast<uint32_t>(length);
  consumed = length;
  return Result::kCell;
}

Framer::Result TorFramer::first(ByteSpan input, CellView& cell, size_t& consumed) {
  constexpr size_t kVersionsHeader = 5;
  if (input.size() >= 3 && input[2] != TorDialect::kVersions) return Result::kMalformed;
  if (input.size() < kVersionsHeader) return Result::kNeedMore;
  const size_t length = kVersionsHeader + loadU16(input.data() + 3);
  if (input.size() < length) return Result::kNeedMore;
  cell = CellView{input.data(), static_cast<uint32_t>(length), loadU16(input.data()), TorDialect::kVersions,
                  CellKind::kLink};
  consumed = length;
  return Result::kCell;
}

}  // namespace kist
