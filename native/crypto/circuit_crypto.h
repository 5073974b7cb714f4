#pragma once

#include <cstdint>

#include "crypto/relay_keys.h"

namespace kist {

/// The relay crypto of one circuit at one end: a relay's single layer (makeRelayCrypto) or the origin's
/// layers, one per hop (makeOriginCrypto). The cell switch calls it for every relay cell, in the order in
/// which cells travel: each call moves a key stream on, so no cell may be left out or done twice. It works in
/// place, allocates nothing per cell, and knows neither circuits nor channels. `payload` is always the 509
/// bytes behind the command byte of a RELAY or RELAY_EARLY cell. Not thread safe; owned by its circuit.
class CircuitCrypto {
 public:
  static constexpr uint32_t kPayloadBytes = 509;
  static constexpr uint32_t kDigestBytes = 20;
  /// As `hop`: the last hop that was added.
  static constexpr uint32_t kLastHop = UINT32_MAX;
  /// Of an origin's circuit. Relays let 8 RELAY_EARLY cells pass, which is 9 hops; an onion service adds one.
  static constexpr uint32_t kMaxHops = 16;

  CircuitCrypto() = default;
  CircuitCrypto(const CircuitCrypto&) = delete;
  CircuitCrypto& operator=(const CircuitCrypto&) = delete;
  virtual ~CircuitCrypto() = default;

  /// Takes our layers off a cell that came toward this end (relay: from the previous hop; origin: from the
  /// next hop). True: recognised, `payload` is plain. False at a relay: pass `payload` on as it is now.
  /// False at the origin: no hop sent this, close the circuit.
  virtual bool open(uint8_t* payload) = 0;
  /// Relay only: adds our layer to a cell that passes toward the origin. The origin has none to add.
  virtual void wrap(uint8_t* payload) = 0;
  /// Makes a cell of our own ready to send: sets the recognised field to 0, the digest field to the running
  /// digest, and encrypts. `hop` is the origin's choice of receiver (0 is the first; one that does not exist
  /// means the last; there must be one); a relay always sends to the origin.
  virtual void seal(uint8_t* payload, uint32_t hop) = 0;

  /// Origin: the hop that the last recognised cell came from; 0 at a relay.
  virtual uint32_t openedHop() const = 0;
  /// The kDigestBytes of running digest after the last recognised cell, for authenticated SENDMEs (tor-spec
  /// 7.3.1); zeros before the first.
  virtual const uint8_t* openedDigest() const = 0;
  /// The kDigestBytes of running digest after the last sealed cell; zeros before the first.
  virtual const uint8_t* sealedDigest() const = 0;

  /// Origin: one more hop at the far end. False at a relay, or when there are kMaxHops.
  virtual bool addHop(const RelayKeys& keys) = 0;
};

}  // namespace kist
