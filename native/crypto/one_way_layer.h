#pragma once

#include <cstdint>

#include "crypto/aes_ctr.h"
#include "crypto/running_digest.h"

namespace kist {

/// One direction of one hop's tor1 relay crypto (tor-spec 5.5, 6.1): a key stream that runs over every cell,
/// and a running digest that runs over those cells alone which this hop and the origin say to each other.
/// Both ends hold the same; one seals with it, the other opens.
class OneWayLayer {
 public:
  /// False when OpenSSL cannot.
  [[nodiscard]] bool start(ByteSpan key, ByteSpan digestSeed);

  /// Puts the layer on or takes it off: the whole payload, in place.
  void crypt(uint8_t* payload);
  /// Whether a plain payload was made by the layer's other end. Only then it enters the running digest, whose
  /// 20 bytes go to `digestOut`. The payload is left as it is.
  [[nodiscard]] bool recognises(uint8_t* payload, uint8_t* digestOut);
  /// Writes the recognised and digest fields of a plain payload of ours; the digest's 20 bytes go to
  /// `digestOut`.
  void stamp(uint8_t* payload, uint8_t* digestOut);

 private:
  AesCtr cipher_;
  RunningDigest digest_;
};

}  // namespace kist
