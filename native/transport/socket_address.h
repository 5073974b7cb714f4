#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace kist {

/// An IPv4 or IPv6 address with a port. Names are resolved in the control plane; here literals only.
class SocketAddress {
 public:
  /// 0.0.0.0, port 0.
  SocketAddress();
  /// `host` is "127.0.0.1" or "::1", without brackets or zone. kInvalid for anything else.
  static Status parse(std::string_view host, uint16_t port, SocketAddress& address);
  /// kInvalid when the family is neither IPv4 nor IPv6.
  static Status fromNative(const sockaddr* native, socklen_t length, SocketAddress& address);

  int family() const { return storage_.any.sa_family; }
  uint16_t port() const;
  const sockaddr* native() const { return &storage_.any; }
  socklen_t nativeLength() const { return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

  bool isLoopback() const;
  /// Private, shared (carrier) or link-local space; loopback is not in it.
  bool isPrivate() const;
  bool isUnspecified() const;
  std::string host() const;
  /// "127.0.0.1:80", "[::1]:80".
  std::string toString() const;
  bool operator==(const SocketAddress& other) const;

 private:
  /// The IPv4 address in host order, also of an IPv4-mapped IPv6 address. False for other IPv6.
  bool asIpv4(uint32_t& address) const;

  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_;
};

}  // namespace kist
