#include "tcpinfo/kernel_tcp_info.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

namespace kist {
namespace {

Status statusOf(int error) {
  switch (error) {
    case EINVAL:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENOTSOCK:
    case ENOTTY:
      return Status::kUnsupported;
    default:
      return Status::kError;
  }
}

/// True when a struct of `length` bytes from the kernel reaches past the field.
constexpr bool holds(socklen_t length, size_t offset, size_t size) { return length >= offset + size; }

}  // namespace

Status KernelTcpInfo::read(const TcpInfoTarget& target, TcpInfo& info) {
  if (target.fd < 0) return Status::kUnsupported;
  tcp_info raw;
  socklen_t length = sizeof raw;
  ++calls_;
  if (getsockopt(target.fd, IPPROTO_TCP, TCP_INFO, &raw, &length) != 0) return statusOf(errno);
  if (!holds(length, offsetof(tcp_info, tcpi_snd_cwnd), sizeof raw.tcpi_snd_cwnd))
    return Status::kUnsupported;
  info.cwnd = raw.tcpi_snd_cwnd;
  info.unacked = raw.tcpi_unacked;
  info.mss = raw.tcpi_snd_mss;
  info.pacingRate = 0;
  if (holds(length, offsetof(tcp_info, tcpi_pacing_rate), sizeof raw.tcpi_pacing_rate)) {
    info.pacingRate = raw.tcpi_pacing_rate;
  }
  if (holds(length, offsetof(tcp_info, tcpi_notsent_bytes), sizeof raw.tcpi_notsent_bytes)) {
    info.notsent = raw.tcpi_notsent_bytes;
    return Status::kOk;
  }
  int notsent = 0;
  ++calls_;
  if (ioctl(target.fd, SIOCOUTQNSD, &notsent) != 0) return statusOf(errno);
  info.notsent = notsent < 0 ? 0 : static_cast<uint32_t>(notsent);
  return Status::kOk;
}

}  // namespace kist
