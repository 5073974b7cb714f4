#include "cell/tor61_dialect.h"

#include <algorithm>

namespace kist {

namespace {

CellKind kindOf(uint8_t command) {
  switch (command) {
    case Tor61Dialect::kRelay:
      return CellKind::kRelay;
    case Tor61Dialect::kCreate:
      return CellKind::kCreate;
    case Tor61Dialect::kCreated:
      return CellKind::kCreated;
    case Tor61Dialect::kCreateFailed:
      return CellKind::kCreateFailed;
    case Tor61Dialect::kDestroy:
      return CellKind::kDestroy;
    case Tor61Dialect::kOpen:
    case Tor61Dialect::kOpened:
    case Tor61Dialect::kOpenFailed:
      return CellKind::kLink;
    default:
      return CellKind::kUnknown;
  }
}

void encodeHeader(uint8_t* cell, uint32_t circId, uint8_t command, ByteSpan payload) {
  std::memset(cell, 0, Tor61Dialect::kCellLength);
  storeU16(cell, static_cast<uint16_t>(circId));
  cell[2] = command;
  const size_t length = std::min<size_t>(payload.size(), Tor61Dialect::kCellLength - 3);
  if (length > 0) std::memcpy(cell + 3, payload.data(), length);
}

}  // namespace

std::unique_ptr<Framer> Tor61Dialect::makeFramer() const { return std::make_unique<Tor61Framer>(*this); }

void Tor61Dialect::setCircId(uint8_t* cell, uint32_t circId) const {
  storeU16(cell, static_cast<uint16_t>(circId));
}

CellView Tor61Dialect::view(const uint8_t* cell) const {
  return CellView{cell, kCellLength, loadU16(cell), cell[2], kindOf(cell[2])};
}

void Tor61Dialect::encodeCreate(uint8_t* cell, uint32_t circId, ByteSpan payload) const {
  encodeHeader(cell, circId, kCreate, payload);
}

void Tor61Dialect::encodeCreated(uint8_t* cell, uint32_t circId, uint8_t, ByteSpan payload) const {
  encodeHeader(cell, circId, kCreated, payload);
}

void Tor61Dialect::encodeCreateFailed(uint8_t* cell, uint32_t circId, uint8_t) const {
  encodeHeader(cell, circId, kCreateFailed, {});
}

void Tor61Dialect::encodeDestroy(uint8_t* cell, uint32_t circId, uint8_t) const {
  encodeHeader(cell, circId, kDestroy, {});
}

bool Tor61Dialect::parseRelay(const uint8_t* cell, RelayMessage& message) const {
  const uint16_t length = loadU16(cell + 11);
  if (length > kBodyCapacity) return false;
  message.streamId = loadU16(cell + 3);
  message.command = cell[13];
  switch (message.command) {
    case kData:
      message.kind = RelayKind::kData;
      break;
    case kEnd:
      message.kind = RelayKind::kEnd;
      break;
    case kConnected:
      message.kind = RelayKind::kConnected;
      break;
    case kExtend:
      message.kind = RelayKind::kExtend;
      break;
    default:
      message.kind = RelayKind::kControl;
  }
  message.data = ByteSpan(cell + kRelayHeader, length);
  return true;
}

void Tor61Dialect::encodeRelay(uint8_t* cell, uint32_t circId, uint16_t streamId, uint8_t command,
                               ByteSpan body, bool) const {
  const size_t length = std::min<size_t>(body.size(), kBodyCapacity);
  std::memset(cell, 0, kRelayHeader);
  storeU16(cell, static_cast<uint16_t>(circId));
  cell[2] = kRelay;
  storeU16(cell + 3, streamId);
  storeU16(cell + 11, static_cast<uint16_t>(length));
  cell[13] = command;
  if (length > 0) std::memcpy(cell + kRelayHeader, body.data(), length);
  std::memset(cell + kRelayHeader + length, 0, kBodyCapacity - length);
}

bool Tor61Dialect::isVisibleData(const uint8_t* cell) const { return cell[2] == kRelay && cell[13] == kData; }

Framer::Result Tor61Framer::next(ByteSpan input, CellView& cell, size_t& consumed) {
  consumed = 0;
  if (bodyLeft_ > 0 || skip_ > 0) return continueLongBody(input, cell, consumed);
  if (input.size() < Tor61Dialect::kCellLength) return Result::kNeedMore;
  cell = dialect_.view(input.data());
  if (cell.kind != CellKind::kRelay || loadU16(input.data() + 11) <= Tor61Dialect::kBodyCapacity) {
    consumed = Tor61Dialect::kCellLength;
    return Result::kCell;
  }
  if (input[13] != Tor61Dialect::kData) return Result::kMalformed;
  const uint32_t length = loadU16(input.data() + 11);
  const uint32_t whole = Tor61Dialect::kRelayHeader + length;
  skip_ = (Tor61Dialect::kCellLength - whole % Tor61Dialect::kCellLength) % Tor61Dialect::kCellLength;
  bodyLeft_ = length - Tor61Dialect::kBodyCapacity;
  std::memcpy(recut_, input.data(), Tor61Dialect::kCellLength);
  storeU16(recut_ + 11, Tor61Dialect::kBodyCapacity);
  filled_ = 0;
  cell = dialect_.view(recut_);
  consumed = Tor61Dialect::kCellLength;
  return Result::kCell;
}

Framer::Result Tor61Framer::continueLongBody(ByteSpan input, CellView& cell, size_t& consumed) {
  if (bodyLeft_ > 0) {
    const uint32_t wanted = std::min(bodyLeft_, Tor61Dialect::kBodyCapacity - filled_);
    const auto taken = static_cast<uint32_t>(std::min<size_t>(input.size(), wanted));
    if (taken == 0) return Result::kNeedMore;
    std::memcpy(recut_ + Tor61Dialect::kRelayHeader + filled_, input.data(), taken);
    filled_ += taken;
    bodyLeft_ -= taken;
    consumed = taken;
    if (bodyLeft_ > 0 && filled_ < Tor61Dialect::kBodyCapacity) return Result::kNeedMore;
    storeU16(recut_ + 11, static_cast<uint16_t>(filled_));
    std::memset(recut_ + Tor61Dialect::kRelayHeader + filled_, 0, Tor61Dialect::kBodyCapacity - filled_);
    filled_ = 0;
    cell = dialect_.view(recut_);
    return Result::kCell;
  }
  const auto skipped = static_cast<uint32_t>(std::min<size_t>(input.size(), skip_));
  skip_ -= skipped;
  consumed = skipped;
  if (skip_ > 0) return Result::kNeedMore;
  size_t more = 0;
  const Result result = next(input.subspan(skipped), cell, more);
  consumed += more;
  return result;
}

}  // namespace kist
