// For `bench syscalls` alone: reads TCP_INFO of many sockets from JavaScript in three ways, to compare one
// batched native call with one call a socket. Plain N-API, because it shows the price of the boundary itself.
#include <node_api.h>

#include "socket_pairs.h"

namespace kist {
namespace {

/// Kept until the process ends: the far ends must stay open.
SocketPairs& pairs() {
  static SocketPairs made("cubic");
  return made;
}

void require(bool fine) {
  if (!fine) fail("wrong arguments to the bench's addon");
}

struct Numbers {
  int32_t* data = nullptr;
  size_t length = 0;
};

Numbers numbersOf(napi_env env, napi_value value) {
  napi_typedarray_type type;
  Numbers numbers;
  void* data = nullptr;
  require(napi_get_typedarray_info(env, value, &type, &numbers.length, &data, nullptr, nullptr) == napi_ok &&
          type == napi_int32_array);
  numbers.data = static_cast<int32_t*>(data);
  return numbers;
}

/// Four figures a socket: window, unacknowledged, segment size, unsent bytes.
void readInto(int fd, int32_t* into) {
  tcp_info info;
  if (!readTcpInfo(fd, info)) fail("TCP_INFO", errno);
  into[0] = static_cast<int32_t>(info.tcpi_snd_cwnd);
  into[1] = static_cast<int32_t>(info.tcpi_unacked);
  into[2] = static_cast<int32_t>(info.tcpi_snd_mss);
  into[3] = static_cast<int32_t>(info.tcpi_notsent_bytes);
}

/// openFull(fds: Int32Array): fills it with the descriptors of sockets whose limit is 0.
napi_value openFullSockets(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  require(napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) == napi_ok && count == 1);
  const Numbers fds = numbersOf(env, argument);
  const std::vector<int> opened = openFull(pairs(), fds.length);
  for (size_t i = 0; i < opened.size(); ++i) fds.data[i] = opened[i];
  return nullptr;
}

/// readAll(fds: Int32Array, into: Int32Array): one call for all sockets.
napi_value readAll(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  require(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) == napi_ok && count == 2);
  const Numbers fds = numbersOf(env, arguments[0]);
  const Numbers into = numbersOf(env, arguments[1]);
  require(into.length >= 4 * fds.length);
  for (size_t i = 0; i < fds.length; ++i) readInto(fds.data[i], into.data + 4 * i);
  return nullptr;
}

/// readOne(fd: number, into: Int32Array): one call a socket.
napi_value readOne(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  int32_t fd = -1;
  require(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) == napi_ok && count == 2);
  require(napi_get_value_int32(env, arguments[0], &fd) == napi_ok);
  const Numbers into = numbersOf(env, arguments[1]);
  require(into.length >= 4);
  readInto(fd, into.data);
  return nullptr;
}

/// readObject(fd: number): one call a socket, with an object as the answer.
napi_value readObject(napi_env env, napi_callback_info info) {
  static constexpr const char* kNames[] = {"cwnd", "unacked", "mss", "notsent"};
  size_t count = 1;
  napi_value argument, result;
  int32_t fd = -1;
  require(napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) == napi_ok && count == 1);
  require(napi_get_value_int32(env, argument, &fd) == napi_ok);
  int32_t figures[4];
  readInto(fd, figures);
  require(napi_create_object(env, &result) == napi_ok);
  for (int i = 0; i < 4; ++i) {
    napi_value number;
    require(napi_create_int32(env, figures[i], &number) == napi_ok &&
            napi_set_named_property(env, result, kNames[i], number) == napi_ok);
  }
  return result;
}

napi_value init(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      {"openFull", nullptr, openFullSockets, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"readAll", nullptr, readAll, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"readOne", nullptr, readOne, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"readObject", nullptr, readObject, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  require(napi_define_properties(env, exports, std::size(properties), properties) == napi_ok);
  return exports;
}

}  // namespace
}  // namespace kist

NAPI_MODULE(tcp_info_addon, kist::init)
