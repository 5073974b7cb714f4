#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// The windows of one circuit at one end (tor-spec 7.3, 7.3.1): how many DATA cells may still be packed
/// before a SENDME comes, and may still arrive before one is sent. A SENDME proves by a digest that its
/// sender saw the cells that it acknowledges.
class CircuitWindow {
 public:
  static constexpr uint32_t kStart = 1000;
  static constexpr uint32_t kIncrement = 100;
  static constexpr size_t kDigestBytes = 20;
  /// Body of a SENDME of version 1: version, length, digest.
  static constexpr size_t kSendmeBytes = 3 + kDigestBytes;
  /// Room that a cell leaves for random padding (4 zeroes, 16 random bytes), so that its digest cannot be
  /// guessed: at least the last one before each SENDME.
  static constexpr uint32_t kUnpredictable = 20;

  uint32_t package() const { return package_; }
  /// A DATA cell was packed. True: its digest is to be remembered.
  bool onPacked() { return --package_ % kIncrement == 0; }
  void remember(const uint8_t* digest);
  /// Bytes that the next `cells` cells carry when the full ones carry `capacity`.
  size_t capacity(uint32_t cells, uint32_t capacity) const {
    const uint32_t marks =
        (package_ + kIncrement - 1) / kIncrement - (package_ - cells + kIncrement - 1) / kIncrement;
    return size_t{cells} * capacity - size_t{marks} * kUnpredictable;
  }
  /// A SENDME came. False: it acknowledges nothing that was sent.
  bool onSendme(ByteSpan body);

  /// A DATA cell came. False: more than the window allows.
  bool onDelivered() {
    if (deliver_ == 0) return false;
    --deliver_;
    return true;
  }
  /// True when a SENDME is due, which opens the deliver window again.
  bool takeSendme() {
    if (deliver_ + kIncrement > kStart) return false;
    deliver_ += kIncrement;
    return true;
  }
  static void encodeSendme(uint8_t* body, const uint8_t* digest);

 private:
  static constexpr uint32_t kMostDigests = kStart / kIncrement;

  uint32_t package_ = kStart;
  uint32_t deliver_ = kStart;
  std::array<std::array<uint8_t, kDigestBytes>, kMostDigests> digests_{};  ///< A ring.
  uint32_t oldest_ = 0;
  uint32_t digestCount_ = 0;
};

/// The windows of one stream (tor-spec 7.4). Its SENDMEs say that the reader took the bytes, so a slow reader
/// stops the sender.
class StreamWindow {
 public:
  static constexpr uint32_t kStart = 500;
  static constexpr uint32_t kIncrement = 50;

  uint32_t package() const { return package_; }
  void onPacked() { --package_; }
  bool onSendme() {
    if (package_ + kIncrement > kStart) return false;
    package_ += kIncrement;
    return true;
  }
  /// A DATA cell came; `received` counts the stream's bytes, its own included. False: more than the window
  /// allows.
  bool onDelivered(uint64_t received);
  /// True when a SENDME is due now that the reader took `taken` bytes.
  bool takeSendme(uint64_t taken);

 private:
  static constexpr uint32_t kMostMarks = kStart / kIncrement;

  uint32_t package_ = kStart;
  uint32_t cells_ = 0;                        ///< Since the last mark.
  std::array<uint64_t, kMostMarks> marks_{};  ///< A ring: bytes received with every 50th cell.
  uint32_t oldest_ = 0;
  uint32_t markCount_ = 0;
};

}  // namespace kist
