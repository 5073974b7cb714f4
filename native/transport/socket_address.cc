#include "transport/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

namespace kist {

SocketAddress::SocketAddress() {
  std::memset(&storage_, 0, sizeof storage_);
  storage_.v4.sin_family = AF_INET;
}

Status SocketAddress::parse(std::string_view host, uint16_t port, SocketAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (host.empty() || host.size() >= sizeof text) return Status::kInvalid;
  std::memcpy(text, host.data(), host.size());
  text[host.size()] = '\0';
  // A NUL inside would let "127.0.0.1\0evil" pass as its first part.
  if (std::strlen(text) != host.size()) return Status::kInvalid;
  SocketAddress parsed;
  if (inet_pton(AF_INET, text, &parsed.storage_.v4.sin_addr) == 1) {
    parsed.storage_.v4.sin_port = htons(port);
  } else if (inet_pton(AF_INET6, text, &parsed.storage_.v6.sin6_addr) == 1) {
    parsed.storage_.v6.sin6_family = AF_INET6;
    parsed.storage_.v6.sin6_port = htons(port);
    parsed.storage_.v6.sin6_flowinfo = 0;
  } else {
    return Status::kInvalid;
  }
  address = parsed;
  return Status::kOk;
}

Status SocketAddress::fromNative(const sockaddr* native, socklen_t length, SocketAddress& address) {
  const bool isV4 = native->sa_family == AF_INET && length >= sizeof(sockaddr_in);
  const bool isV6 = native->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6);
  if (!isV4 && !isV6) return Status::kInvalid;
  address = SocketAddress();
  std::memcpy(&address.storage_, native, isV4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return Status::kOk;
}

uint16_t SocketAddress::port() const {
  return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

bool SocketAddress::asIpv4(uint32_t& address) const {
  if (family() == AF_INET) {
    address = ntohl(storage_.v4.sin_addr.s_addr);
    return true;
  }
  if (!IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) return false;
  uint32_t network;
  std::memcpy(&network, storage_.v6.sin6_addr.s6_addr + 12, sizeof network);
  address = ntohl(network);
  return true;
}

bool SocketAddress::isLoopback() const {
  uint32_t v4;
  if (asIpv4(v4)) return v4 >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr) != 0;
}

bool SocketAddress::isPrivate() const {
  uint32_t v4;
  if (asIpv4(v4)) {
    return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 || v4 >> 16 == 0xa9fe ||
           v4 >> 22 == 0x191;
  }
  const uint8_t* bytes = storage_.v6.sin6_addr.s6_addr;
  const bool uniqueLocal = (bytes[0] & 0xfe) == 0xfc;
  return uniqueLocal || IN6_IS_ADDR_LINKLOCAL(&storage_.v6.sin6_addr) != 0;
}

bool SocketAddress::isUnspecified() const {
  uint32_t v4;
  if (asIpv4(v4)) return v4 == 0;
  return IN6_IS_ADDR_UNSPECIFIED(&storage_.v6.sin6_addr) != 0;
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  const void* bytes = family() == AF_INET6 ? static_cast<const void*>(&storage_.v6.sin6_addr)
                                           : static_cast<const void*>(&storage_.v4.sin_addr);
  inet_ntop(family(), bytes, text, sizeof text);
  return text;
}

std::string SocketAddress::toString() const {
  const std::string ending = std::to_string(port());
  return family() == AF_INET6 ? "[" + host() + "]:" + ending : host() + ":" + ending;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET) return storage_.v4.sin_addr.s_addr == other.storage_.v4.sin_addr.s_addr;
  return std::memcmp(&storage_.v6.sin6_addr, &other.storage_.v6.sin6_addr, sizeof storage_.v6.sin6_addr) == 0;
}

}  // namespace kist
