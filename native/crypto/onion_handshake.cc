#include "crypto/onion_handshake.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "crypto/create_fast.h"
#include "crypto/ntor.h"
#include "crypto/ntor_v3.h"
#include "crypto/secret_bytes.h"
#include "crypto/x25519.h"

namespace kist {

namespace {

bool answerByType(uint16_t type, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out) {
  if (type == kOnionFast) {
    SecretBytes<kFastBytes> share;
    return RAND_bytes(share.take(kFastBytes).data(), kFastBytes) == 1 && answerFast(skin, share.all(), out);
  }
  if (type != kOnionNtor && type != kOnionNtorV3) return false;
  OnionKey ephemeral;
  if (!generateX25519(ephemeral)) return false;
  return type == kOnionNtor ? answerNtor(skin, identity, ephemeral, out)
                            : answerNtorV3(skin, identity, ephemeral, out);
}

}  // namespace

OnionKey::~OnionKey() { OPENSSL_cleanse(secretKey.data(), secretKey.size()); }

bool answerOnion(uint16_t type, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out) {
  out.reply.clear();
  out.keys = RelayKeys();
  if (answerByType(type, skin, identity, out)) return true;
  out.reply.clear();
  out.keys = RelayKeys();
  // A peer's bad key leaves errors in OpenSSL's queue of this thread; the next reader must not take them for
  // its own.
  ERR_clear_error();
  return false;
}

}  // namespace kist
