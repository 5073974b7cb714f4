#pragma once

#include <memory>

#include "crypto/circuit_crypto.h"

namespace kist {

/// tor1 relay crypto (tor-spec 5.5, 6.1) as the origin does it: one layer per hop, the nearest outermost.
/// It starts without hops: addHop() for each as the circuit grows.
std::unique_ptr<CircuitCrypto> makeOriginCrypto();

}  // namespace kist
