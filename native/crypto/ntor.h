#pragma once

#include "crypto/onion_handshake.h"

namespace kist {

/// Our onion key whose public half is `keyId`, or null.
const OnionKey* findOnionKey(const OnionIdentity& identity, ByteSpan keyId);

/// The relay's side of the ntor handshake (tor-spec 5.1.4): NODEID 20, KEYID 32, CLIENT_KP 32 bytes in;
/// SERVER_KP 32, AUTH 32 out. `ephemeral` is a key pair for this one answer.
[[nodiscard]] bool answerNtor(ByteSpan skin, const OnionIdentity& identity, const OnionKey& ephemeral,
                              OnionAnswer& out);

}  // namespace kist
