#pragma once

#include "cell/dialect.h"

namespace kist {

/// Tor61: cells of 512 bytes, 2-byte circuit IDs, no encryption (Project 4 assignment). Layout, big endian:
///
///   0..1 circuit ID | 2 command | payload                                         every cell
///   3..4 stream ID | 5..6 zero | 7..10 digest | 11..12 length | 13 relay command | 14.. body     RELAY
///
/// A DATA body longer than 498 bytes runs on through further blocks of 512 bytes (one known peer sends such
/// cells); the framer re-cuts it into ordinary DATA cells. Any other body length over 498 is malformed.
class Tor61Dialect final : public Dialect {
 public:
  static constexpr uint32_t kCellLength = 512;
  static constexpr uint32_t kRelayHeader = 14;
  static constexpr uint32_t kBodyCapacity = kCellLength - kRelayHeader;
  enum Command : uint8_t {
    kCreate = 1,
    kCreated = 2,
    kRelay = 3,
    kDestroy = 4,
    kOpen = 5,
    kOpened = 6,
    kOpenFailed = 7,
    kCreateFailed = 8
  };
  enum RelayCommand : uint8_t { kBegin = 1, kData = 2, kEnd = 3, kConnected = 4, kExtend = 6 };

  Tor61Dialect() : Dialect(DialectTraits{}) {}

  const char* name() const override { return "tor61"; }
  uint32_t cellLength() const override { return kCellLength; }
  uint32_t maxCircId() const override { return 0xffff; }
  CircIds circIds(bool isInitiator) const override {
    return isInitiator ? CircIds{1, 0xffff, 2} : CircIds{2, 0xfffe, 2};
  }
  std::unique_ptr<Framer> makeFramer() const override;
  void setCircId(uint8_t* cell, uint32_t circId) const override;
  CellView view(const uint8_t* cell) const override;
  void encodeCreate(uint8_t* cell, uint32_t circId, ByteSpan payload) const override;
  void encodeCreated(uint8_t* cell, uint32_t circId, uint8_t createCommand, ByteSpan payload) const override;
  void encodeCreateFailed(uint8_t* cell, uint32_t circId, uint8_t reason) const override;
  void encodeDestroy(uint8_t* cell, uint32_t circId, uint8_t reason) const override;
  uint8_t destroyReasonIn(const uint8_t* /*cell*/) const override { return 0; }
  uint8_t destroyReason(CloseReason /*reason*/) const override { return 0; }
  bool parseRelay(const uint8_t* cell, RelayMessage& message) const override;
  void encodeRelay(uint8_t* cell, uint32_t circId, uint16_t streamId, uint8_t command, ByteSpan body,
                   bool isEarly = false) const override;
  uint32_t relayDataCapacity() const override { return kBodyCapacity; }
  uint8_t relayDataCommand() const override { return kData; }
  uint8_t relayEndCommand() const override { return kEnd; }
  uint8_t relaySendmeCommand() const override { return 0; }
  uint8_t endReason(CloseReason /*reason*/, int /*error*/) const override { return 0; }
  bool isVisibleData(const uint8_t* cell) const override;
};

/// See Tor61Dialect.
class Tor61Framer final : public Framer {
 public:
  explicit Tor61Framer(const Tor61Dialect& dialect) : dialect_(dialect) {}
  Result next(ByteSpan input, CellView& cell, size_t& consumed) override;

 private:
  Result continueLongBody(ByteSpan input, CellView& cell, size_t& consumed);

  const Tor61Dialect& dialect_;
  uint32_t bodyLeft_ = 0;  ///< Of a body that runs on through further blocks.
  uint32_t skip_ = 0;      ///< Padding up to the end of its last block.
  uint32_t filled_ = 0;    ///< Body bytes gathered in recut_.
  uint8_t recut_[Tor61Dialect::kCellLength] = {};
};

}  // namespace kist
