#pragma once

#include <memory>

#include "crypto/circuit_crypto.h"

namespace kist {

/// tor1 relay crypto (tor-spec 5.5, 6.1) as a relay does it: one layer, shared with the origin.
/// Null when OpenSSL gives no cipher.
std::unique_ptr<CircuitCrypto> makeRelayCrypto(const RelayKeys& keys);

}  // namespace kist
