#include "crypto/running_digest.h"

#include <openssl/crypto.h>

namespace kist {

RunningDigest::RunningDigest() : state_{} { SHA1_Init(&state_); }

RunningDigest::~RunningDigest() { OPENSSL_cleanse(&state_, sizeof(state_)); }

void RunningDigest::add(ByteSpan bytes) { SHA1_Update(&state_, bytes.data(), bytes.size()); }

void RunningDigest::read(uint8_t* out) const {
  RunningDigest copy(*this);
  SHA1_Final(out, &copy.state_);
}

}  // namespace kist
