#pragma once

#include "cell/dialect.h"

namespace kist {

/// Tor's cells with link protocol 4 and 5 (tor-spec 3, 4.1, 5.1, 6.1). Layout, big endian:
///
///   0..3 circuit ID | 4 command | 5.. payload of 509 bytes                           fixed length: 514
///   0..3 circuit ID | 4 command | 5..6 length | 7.. payload                          VERSIONS, commands from
///   128 0..1 circuit ID | 2 command | 3..4 length | 5.. payload                          the first cell:
///   VERSIONS 5 relay command | 6..7 recognised | 8..9 stream ID | 10..13 digest | 14..15 length | 16.. body
///   RELAY
///
/// Relay cells look like that between encryption and decryption only. Which of the two ends opened the
/// channel decides who gives which circuit IDs: its own have the high bit.
class TorDialect final : public Dialect {
 public:
  static constexpr uint32_t kCellLength = 514;
  static constexpr uint32_t kHeader = 5;
  static constexpr uint32_t kRelayHeader = 16;
  static constexpr uint32_t kBodyCapacity = kCellLength - kRelayHeader;
  enum Command : uint8_t {
    kPadding = 0,
    kCreate = 1,
    kCreated = 2,
    kRelay = 3,
    kDestroy = 4,
    kCreateFast = 5,
    kCreatedFast = 6,
    kVersions = 7,
    kNetinfo = 8,
    kRelayEarly = 9,
    kCreate2 = 10,
    kCreated2 = 11,
    kPaddingNegotiate = 12,
    kVpadding = 128,
    kCerts = 129,
    kAuthChallenge = 130,
    kAuthenticate = 131,
    kAuthorize = 132
  };
  enum RelayCommand : uint8_t {
    kBegin = 1,
    kData = 2,
    kEnd = 3,
    kConnected = 4,
    kSendme = 5,
    kExtend = 6,
    kExtended = 7,
    kTruncate = 8,
    kTruncated = 9,
    kDrop = 10,
    kResolve = 11,
    kResolved = 12,
    kBeginDir = 13,
    kExtend2 = 14,
    kExtended2 = 15
  };
  /// Of a DESTROY (tor-spec 5.4).
  enum DestroyReason : uint8_t {
    kNoReason = 0,
    kProtocol = 1,
    kInternal = 2,
    kRequested = 3,
    kHibernating = 4,
    kResourceLimit = 5,
    kConnectFailed = 6,
    kChannelClosed = 8,
    kFinished = 9,
    kTimeout = 10,
    kDestroyed = 11,
    kNoSuchService = 12
  };
  /// Of an END (tor-spec 6.3).
  enum EndReason : uint8_t {
    kEndMisc = 1,
    kEndResolveFailed = 2,
    kEndConnectRefused = 3,
    kEndExitPolicy = 4,
    kEndDestroy = 5,
    kEndDone = 6,
    kEndTimeout = 7,
    kEndNoRoute = 8,
    kEndHibernating = 9,
    kEndInternal = 10,
    kEndResourceLimit = 11,
    kEndConnReset = 12,
    kEndProtocol = 13
  };

  TorDialect() : Dialect(DialectTraits{true, true, true, kHeader}) {}

  const char* name() const override { return "tor"; }
  uint32_t cellLength() const override { return kCellLength; }
  uint32_t maxCircId() const override { return UINT32_MAX; }
  CircIds circIds(bool isInitiator) const override {
    return isInitiator ? CircIds{0x80000000u, UINT32_MAX, 1, true} : CircIds{1, 0x7fffffffu, 1, true};
  }
  std::unique_ptr<Framer> makeFramer() const override;
  void setCircId(uint8_t* cell, uint32_t circId) const override { storeU32(cell, circId); }
  CellView view(const uint8_t* cell) const override;
  void encodeCreate(uint8_t* cell, uint32_t circId, ByteSpan payload) const override;
  void encodeCreated(uint8_t* cell, uint32_t circId, uint8_t createCommand, ByteSpan payload) const override;
  void encodeCreateFailed(uint8_t* cell, uint32_t circId, uint8_t reason) const override;
  void encodeDestroy(uint8_t* cell, uint32_t circId, uint8_t reason) const override;
  uint8_t destroyReasonIn(const uint8_t* cell) const override { return cell[kHeader]; }
  uint8_t destroyReason(CloseReason reason) const override;
  bool parseRelay(const uint8_t* cell, RelayMessage& message) const override;
  void encodeRelay(uint8_t* cell, uint32_t circId, uint16_t streamId, uint8_t command, ByteSpan body,
                   bool isEarly = false) const override;
  uint32_t relayDataCapacity() const override { return kBodyCapacity; }
  uint8_t relayDataCommand() const override { return kData; }
  uint8_t relayEndCommand() const override { return kEnd; }
  uint8_t relaySendmeCommand() const override { return kSendme; }
  uint8_t endReason(CloseReason reason, int error) const override;
  bool isVisibleData(const uint8_t* /*cell*/) const override { return false; }

  /// Cells with this command have a length of their own.
  static bool isVariable(uint8_t command) { return command == kVersions || command >= 128; }
};

/// See TorDialect. A cell of any length is handed out whole: the control plane hashes what comes before
/// AUTHENTICATE.
class TorFramer final : public Framer {
 public:
  explicit TorFramer(const TorDialect& dialect) : dialect_(dialect) {}
  Result next(ByteSpan input, CellView& cell, size_t& consumed) override;

 private:
  static Result first(ByteSpan input, CellView& cell, size_t& consumed);

  const TorDialect& dialect_;
  bool hasVersions_ = false;
};

}  // namespace kist
