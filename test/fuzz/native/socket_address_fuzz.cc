// What parses as an address prints as text that parses to the same address. Input: a port, then the host.
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "transport/socket_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string host(reinterpret_cast<const char*>(data) + 2, size - 2);
  kist::SocketAddress address;
  if (!kist::isOk(kist::SocketAddress::parse(host, kist::loadU16(data), address))) return 0;
  kist::SocketAddress again;
  if (!kist::isOk(kist::SocketAddress::parse(address.host(), address.port(), again)) || !(again == address))
    std::abort();
  kist::SocketAddress native;
  if (!kist::isOk(kist::SocketAddress::fromNative(address.native(), address.nativeLength(), native)))
    std::abort();
  if (!(native == address) || address.toString().empty()) std::abort();
  static_cast<void>(address.isPrivate() || address.isLoopback() || address.isUnspecified());
  return 0;
}
