#pragma once

#include <string_view>

#include "base/bytes.h"

namespace kist {

/// The bytes of a protocol's text constant, without a terminating NUL.
inline ByteSpan bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace kist
