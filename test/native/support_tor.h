#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cell/tor_dialect.h"
#include "crypto/origin_crypto.h"
#include "crypto/relay_crypto.h"
#include "support_plane.h"

namespace kist {

/// Tor cells of 514 bytes, written out by hand.
Bytes torCell(uint32_t circId, uint8_t command, const Bytes& payload = {});
inline uint32_t torCircIdOf(const Bytes& cell) { return loadU32(cell.data()); }
inline uint8_t torCommandOf(const Bytes& cell) { return cell[4]; }
/// Keys of a hop, as if a handshake had given them; the same for the same seed.
RelayKeys torKeys(uint32_t seed);

/// What a relay cell says once it is plain.
struct TorMessage {
  uint8_t command = 0;
  uint16_t streamId = 0;
  Bytes body;
  uint32_t hop = 0;  ///< At a client: which hop it came from.
  Bytes digest;      ///< The 20 bytes that an authenticated SENDME for it carries.
  bool operator==(const TorMessage& other) const {
    return command == other.command && streamId == other.streamId && body == other.body;
  }
};

/// One end of a circuit that a test speaks itself: the origin with all hops, or a relay with its one layer.
/// Encrypts and decrypts; the test carries the cells.
class TorEnd {
 public:
  /// A client: add hops.
  explicit TorEnd(uint32_t circId);
  /// A relay.
  TorEnd(uint32_t circId, const RelayKeys& keys);

  void addHop(const RelayKeys& keys) { requireHop(crypto_->addHop(keys)); }
  /// A sealed RELAY cell; `hop` UINT32_MAX is the last.
  Bytes seal(uint16_t streamId, uint8_t command, const Bytes& body = {}, bool isEarly = false,
             uint32_t hop = UINT32_MAX);
  /// The same with all of the 498 bytes given and any length field.
  Bytes sealRaw(uint16_t streamId, uint8_t command, const Bytes& body, uint16_t lengthField);
  /// Digest of the last sealed cell.
  Bytes sealedDigest() const { return Bytes(crypto_->sealedDigest(), crypto_->sealedDigest() + 20); }
  /// Opens relay cells; throws for one that is not recognised or has another circuit ID.
  TorMessage open(const Bytes& cell);
  std::vector<TorMessage> open(const std::vector<Bytes>& cells);
  /// A relay's pass: opens one that must not be recognised, for the next one.
  Bytes passOn(const Bytes& cell, uint32_t circId);
  /// A relay's pass toward the origin.
  Bytes wrap(const Bytes& cell, uint32_t circId);

  uint32_t circId;

 private:
  static void requireHop(bool added);
  std::unique_ptr<CircuitCrypto> crypto_;
};

/// A SENDME's body with this digest.
Bytes torSendme(const Bytes& digest);

/// CREATE2 from `from` under `circId`, accepted with `keys`: ends here.
Handle makeTorCircuit(PlaneRig& rig, RawPeer& from, uint32_t circId, const RelayKeys& keys);
/// The same, extended to `to` and spliced. `nextId`: the circuit ID toward `to`.
Handle makeTorForward(PlaneRig& rig, RawPeer& from, TorEnd& client, const RelayKeys& keys, RawPeer& to,
                      uint32_t& nextId);
void acceptTor(PlaneRig& rig, Handle circuit, const RelayKeys& keys, const Bytes& payload = {});

}  // namespace kist
