#pragma once

#include <cstdint>
#include <vector>

namespace kist {

/// What a link handshake binds to the encrypted transport below it.
struct LinkSecrets {
  /// 32 bytes of keying material (RFC 5705) that both ends derive for the same context.
  std::vector<uint8_t> exported;
  /// DER; empty where an end showed none (a Tor initiator never does).
  std::vector<uint8_t> ownCertificate, peerCertificate;
};

}  // namespace kist
