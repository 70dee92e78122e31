#include "batch/local/service/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <random>

#include "base/ascii.hpp"
#include "batch/client/document.hpp"
#include "batch/local/service/node_files.hpp"
#include "batch/local/service/odata_filter.hpp"
#include "batch/local/service/request_check.hpp"

namespace shipyard::local {

using nlohmann::json;

namespace {

constexpr const char* kJsonType = "application/json;odata=minimalmetadata";
constexpr std::size_t kPageSize = 1000;

using Names = std::vector<std::string>;
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// A request whose path, query and body have been found good.
struct Call {
  Account& account;
  const HttpRequest& request;
  Names names;  ///< the path's variable parts, decoded
  Parameters query;
  json body;

  [[nodiscard]] std::string parameter(std::string_view name) const {
    const auto found = std::find_if(query.begin(), query.end(),
                                    [&](const auto& parameter) { return parameter.first == name; });
    return found == query.end() ? "" : found->second;
  }
  [[nodiscard]] std::string if_match() const { return request.header("If-Match").value_or(""); }
  [[nodiscard]] const std::string& base() const { return request.base; }
};

using Reply = std::variant<HttpResponse, Fault>;
using Handler = std::function<Reply(const Call&)>;

/// `{}` stands for one part of a path, `*` for all the rest of it.
struct Route {
  const char* method;
  const char* path;
  Names query;             ///< parameters beside api-version and timeout
  const char* definition;  ///< of the body; empty: there is none
  bool needs_body;
  Handler handler;
};

Reply plain(const Call& call, const Outcome& outcome, const char* element = nullptr) {
  if (const auto* fault = std::get_if<Fault>(&outcome)) return *fault;
  const Answer& answer = std::get<Answer>(outcome);
  HttpResponse response;
  response.status = answer.status;
  if (answer.revision) {
    const std::string url = call.base() + answer.revision->path;
    response.headers = {{"ETag", answer.revision->etag},
                        {"Last-Modified", http_date(answer.revision->modified)}};
    if (answer.created) response.headers.emplace_back("Location", url);
    if (call.request.method != "HEAD") response.headers.emplace_back("DataServiceId", url);
  }
  if (answer.body.is_null()) return response;
  json document = answer.body;
  if (element != nullptr) {
    document = selected(document, call.parameter("$select"));
    document["odata.metadata"] = fmt::format("{}/$metadata#{}/@Element", call.base(), element);
  }
  response.headers.emplace_back("Content-Type", kJsonType);
  response.body = batch::json_text(document);
  return response;
}

/// The link to the next page: this request, with another place to go on from.
std::string next_link(const Call& call, std::size_t begin) {
  std::string rest;
  for (std::size_t at = 0; at < call.request.query.size();) {
    const std::string part = call.request.query.substr(at, call.request.query.find('&', at) - at);
    at += part.size() + 1;
    const auto parameters = query_parameters(part);
    if (!parameters.empty() && parameters[0].first != "$skiptoken") rest += part + "&";
  }
  return fmt::format("{}{}?{}$skiptoken={}", call.base(), call.request.path, rest, begin);
}

std::size_t number_of(const std::string& text, std::size_t otherwise) {
  std::size_t number = otherwise;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Reply page(const Call& call, Listing listing, const char* kind, bool paged = true) {
  if (const auto* fault = std::get_if<Fault>(&listing)) return *fault;
  auto items = std::move(std::get<std::vector<json>>(listing));
  if (const std::string filter = call.parameter("$filter"); !filter.empty()) {
    auto rest = filtered(std::move(items), filter);
    if (!rest)
      return Fault{"InvalidQueryParameterValue",
                   {{"QueryParameterName", "$filter"}, {"QueryParameterValue", filter}}};
    items = std::move(*rest);
  }
  const std::size_t begin = std::min(number_of(call.parameter("$skiptoken"), 0), items.size());
  const std::size_t size =
      paged ? std::min(number_of(call.parameter("maxresults"), kPageSize), kPageSize) : items.size();
  const std::size_t end = std::min(begin + size, items.size());
  json document = {{"odata.metadata", fmt::format("{}/$metadata#{}", call.base(), kind)},
                   {"value", json::array()}};
  for (std::size_t i = begin; i < end; ++i)
    document["value"].push_back(selected(items[i], call.parameter("$select")));
  if (end < items.size()) document["odata.nextLink"] = next_link(call, end);
  HttpResponse response;
  response.headers = {{"Content-Type", kJsonType}};
  response.body = batch::json_text(document);
  return response;
}

std::string joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + "/" + b;
}

/// Percent-encoded but for what a path may hold as it is (RFC 3986), slashes among it.
std::string url_path(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain_character =
        is_alphanumeric(c) || std::string_view("-._~/").find(c) != std::string_view::npos;
    encoded += plain_character ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

Reply list_files(const Call& call, const FileOutcome& outcome, const std::string& url) {
  if (const auto* fault = std::get_if<Fault>(&outcome)) return *fault;
  const auto& place = std::get<FilePlace>(outcome);
  const bool recursive = is_same_id(call.parameter("recursive"), "true");
  // A task's directory may not be there yet.
  const auto files =
      list_node_files(place.directory, place.path, recursive).value_or(std::vector<NodeFile>());
  std::vector<json> items;
  for (const auto& file : files) {
    const std::string name = place.path.empty() ? file.path : file.path.substr(place.path.size() + 1);
    json item = {{"name", name}, {"url", url + "/" + url_path(name)}, {"isDirectory", file.is_directory}};
    if (!file.is_directory)
      item["properties"] = {{"creationTime", batch_time(file.created)},
                            {"lastModified", batch_time(file.modified)},
                            {"contentLength", file.size},
                            {"contentType", "application/octet-stream"},
                            {"fileMode", fmt::format("0o{:o}", file.mode)}};
    items.push_back(std::move(item));
  }
  return page(call, std::move(items), "files");
}

/// What `ocp-range` asks of a file of `size` bytes; the service knows the form bytes=FIRST-LAST alone.
std::variant<std::pair<std::uint64_t, std::uint64_t>, Fault> range_of(
    const std::optional<std::string>& header, std::uint64_t size) {
  if (!header) return std::pair<std::uint64_t, std::uint64_t>(0, size);
  const Fault malformed{"InvalidHeaderValue", {{"HeaderName", "ocp-range"}, {"HeaderValue", *header}}};
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!header->starts_with("bytes=")) return malformed;
  const char* const end = header->data() + header->size();
  const auto one = std::from_chars(header->data() + 6, end, first);
  if (one.ec != std::errc() || one.ptr == end || *one.ptr != '-') return malformed;
  const auto two = std::from_chars(one.ptr + 1, end, last);
  if (two.ec != std::errc() || two.ptr != end || first > last) return malformed;
  if (first >= size) return Fault{"InvalidRange"};
  return std::pair(first, std::min(last, size - 1) - first + 1);
}

Reply get_file(const Call& call, const FileOutcome& outcome, const std::string& url) {
  if (const auto* fault = std::get_if<Fault>(&outcome)) return *fault;
  const auto& place = std::get<FilePlace>(outcome);
  const std::string& name = call.names.back();
  auto opened = open_node_file(place.directory, joined(place.path, name));
  if (const auto* fault = std::get_if<FileFault>(&opened))
    return Fault{*fault == FileFault::kNotReadable ? "IOError" : "FileNotFound"};
  const auto& file = std::get<OpenNodeFile>(opened);
  const bool head = call.request.method == "HEAD";
  if (file.facts.is_directory && !head) return Fault{"FileNotFound"};
  const auto range = range_of(head ? std::nullopt : call.request.header("ocp-range"), file.facts.size);
  if (const auto* fault = std::get_if<Fault>(&range)) return *fault;
  HttpResponse response;
  response.headers = {{"Content-Type", "application/octet-stream"},
                      {"Last-Modified", http_date(file.facts.modified)},
                      {"ocp-creation-time", http_date(file.facts.created)},
                      {"ocp-batch-file-isdirectory", file.facts.is_directory ? "True" : "False"},
                      {"ocp-batch-file-url", url + "/" + url_path(name)},
                      {"ocp-batch-file-mode", fmt::format("0o{:o}", file.facts.mode)}};
  const auto [offset, length] = std::get<std::pair<std::uint64_t, std::uint64_t>>(range);
  if (!file.facts.is_directory) response.file = FilePart{file.fd, offset, length};
  return response;
}

std::string task_files_url(const Call& c) {
  return fmt::format("{}/jobs/{}/tasks/{}/files", c.base(), url_path(c.names[0]), url_path(c.names[1]));
}
std::string node_files_url(const Call& c) {
  return fmt::format("{}/pools/{}/nodes/{}/files", c.base(), url_path(c.names[0]), url_path(c.names[1]));
}

Reply without_body(Reply reply) {
  if (auto* response = std::get_if<HttpResponse>(&reply)) {
    std::erase_if(response->headers, [](const auto& header) { return header.first == "Content-Type"; });
    response->body.clear();
  }
  return reply;
}

const std::vector<Route>& routes() {
  static const Names kNone;
  static const Names kList = {"$filter", "$select", "$expand", "maxresults", "$skiptoken"};
  static const Names kOne = {"$select", "$expand"};
  static const Names kFiles = {"$filter", "recursive", "maxresults", "$skiptoken"};
  static const Names kForce = {"force"};  // since 2024-07-01.20.0
  static const std::vector<Route> table = {
      {"POST", "/pools", kNone, "PoolAddParameter", true,
       [](const Call& c) { return plain(c, c.account.add_pool(c.body)); }},
      {"GET", "/pools", kList, "", false,
       [](const Call& c) { return page(c, c.account.list_pools(c.base()), "pools"); }},
      {"HEAD", "/pools/{}", kNone, "", false,
       [](const Call& c) { return without_body(plain(c, c.account.get_pool(c.names[0], c.base()))); }},
      {"GET", "/pools/{}", kOne, "", false,
       [](const Call& c) { return plain(c, c.account.get_pool(c.names[0], c.base()), "pools"); }},
      {"PATCH", "/pools/{}", kNone, "PoolPatchParameter", true,
       [](const Call& c) { return plain(c, c.account.patch_pool(c.names[0], c.body, c.if_match())); }},
      {"DELETE", "/pools/{}", kNone, "", false,
       [](const Call& c) { return plain(c, c.account.delete_pool(c.names[0], c.if_match())); }},
      {"POST", "/pools/{}/resize", kNone, "PoolResizeParameter", true,
       [](const Call& c) { return plain(c, c.account.resize_pool(c.names[0], c.body, c.if_match())); }},
      {"POST", "/pools/{}/stopresize", kNone, "", false,
       [](const Call& c) { return plain(c, c.account.stop_resize(c.names[0], c.if_match())); }},
      {"GET",
       "/pools/{}/nodes",
       {"$filter", "$select", "maxresults", "$skiptoken"},
       "",
       false,
       [](const Call& c) { return page(c, c.account.list_nodes(c.names[0], c.base()), "nodes"); }},
      {"GET",
       "/pools/{}/nodes/{}",
       {"$select"},
       "",
       false,
       [](const Call& c) { return plain(c, c.account.get_node(c.names[0], c.names[1], c.base()), "nodes"); }},
      {"GET", "/pools/{}/nodes/{}/files", kFiles, "", false,
       [](const Call& c) {
         return list_files(c, c.account.node_files(c.names[0], c.names[1]), node_files_url(c));
       }},
      {"GET", "/pools/{}/nodes/{}/files/*", kNone, "", false,
       [](const Call& c) {
         return get_file(c, c.account.node_files(c.names[0], c.names[1]), node_files_url(c));
       }},
      {"HEAD", "/pools/{}/nodes/{}/files/*", kNone, "", false,
       [](const Call& c) {
         return get_file(c, c.account.node_files(c.names[0], c.names[1]), node_files_url(c));
       }},
      {"POST", "/jobs", kNone, "JobAddParameter", true,
       [](const Call& c) { return plain(c, c.account.add_job(c.body)); }},
      {"GET", "/jobs", kList, "", false,
       [](const Call& c) { return page(c, c.account.list_jobs(c.base()), "jobs"); }},
      {"GET", "/jobs/{}", kOne, "", false,
       [](const Call& c) { return plain(c, c.account.get_job(c.names[0], c.base()), "jobs"); }},
      {"PATCH", "/jobs/{}", kNone, "JobPatchParameter", true,
       [](const Call& c) { return plain(c, c.account.update_job(c.names[0], c.body, c.if_match(), false)); }},
      {"PUT", "/jobs/{}", kNone, "JobUpdateParameter", true,
       [](const Call& c) { return plain(c, c.account.update_job(c.names[0], c.body, c.if_match(), true)); }},
      {"DELETE", "/jobs/{}", kForce, "", false,
       [](const Call& c) { return plain(c, c.account.delete_job(c.names[0], c.if_match())); }},
      {"POST", "/jobs/{}/terminate", kForce, "JobTerminateParameter", false,
       [](const Call& c) { return plain(c, c.account.terminate_job(c.names[0], c.body, c.if_match())); }},
      {"POST", "/jobs/{}/disable", kNone, "JobDisableParameter", true,
       [](const Call& c) { return plain(c, c.account.disable_job(c.names[0], c.body, c.if_match())); }},
      {"POST", "/jobs/{}/enable", kNone, "", false,
       [](const Call& c) { return plain(c, c.account.enable_job(c.names[0], c.if_match())); }},
      {"GET", "/jobs/{}/taskcounts", kNone, "", false,
       [](const Call& c) { return plain(c, c.account.count_tasks(c.names[0])); }},
      {"GET",
       "/jobs/{}/jobpreparationandreleasetaskstatus",
       {"$filter", "$select", "maxresults", "$skiptoken"},
       "",
       false,
       [](const Call& c) {
         return page(c, c.account.list_preparations(c.names[0], c.base()),
                     "jobpreparationandreleasetaskstatuslist");
       }},
      {"POST", "/jobs/{}/tasks", kNone, "TaskAddParameter", true,
       [](const Call& c) { return plain(c, c.account.add_task(c.names[0], c.body)); }},
      {"POST", "/jobs/{}/addtaskcollection", kNone, "TaskAddCollectionParameter", true,
       [](const Call& c) { return plain(c, c.account.add_tasks(c.names[0], c.body, c.base())); }},
      {"GET", "/jobs/{}/tasks", kList, "", false,
       [](const Call& c) { return page(c, c.account.list_tasks(c.names[0], c.base()), "tasks"); }},
      {"GET", "/jobs/{}/tasks/{}", kOne, "", false,
       [](const Call& c) { return plain(c, c.account.get_task(c.names[0], c.names[1], c.base()), "tasks"); }},
      {"PUT", "/jobs/{}/tasks/{}", kNone, "TaskUpdateParameter", true,
       [](const Call& c) {
         return plain(c, c.account.update_task(c.names[0], c.names[1], c.body, c.if_match()));
       }},
      {"DELETE", "/jobs/{}/tasks/{}", kNone, "", false,
       [](const Call& c) { return plain(c, c.account.delete_task(c.names[0], c.names[1], c.if_match())); }},
      {"GET",
       "/jobs/{}/tasks/{}/subtasksinfo",
       {"$select"},
       "",
       false,
       [](const Call& c) {
         return page(c, c.account.list_subtasks(c.names[0], c.names[1], c.base()), "subtaskinfo", false);
       }},
      {"POST", "/jobs/{}/tasks/{}/terminate", kNone, "", false,
       [](const Call& c) {
         return plain(c, c.account.terminate_task(c.names[0], c.names[1], c.if_match()));
       }},
      {"POST", "/jobs/{}/tasks/{}/reactivate", kNone, "", false,
       [](const Call& c) {
         return plain(c, c.account.reactivate_task(c.names[0], c.names[1], c.if_match()));
       }},
      {"GET", "/jobs/{}/tasks/{}/files", kFiles, "", false,
       [](const Call& c) {
         return list_files(c, c.account.task_files(c.names[0], c.names[1]), task_files_url(c));
       }},
      {"GET", "/jobs/{}/tasks/{}/files/*", kNone, "", false,
       [](const Call& c) {
         return get_file(c, c.account.task_files(c.names[0], c.names[1]), task_files_url(c));
       }},
      {"HEAD", "/jobs/{}/tasks/{}/files/*", kNone, "", false,
       [](const Call& c) {
         return get_file(c, c.account.task_files(c.names[0], c.names[1]), task_files_url(c));
       }},
  };
  return table;
}

/// What Azure Batch has besides, of the definitions of 2024-02-01.19.0.
constexpr std::array kElsewhere = {"/applications",
                                   "/applications/{}",
                                   "/poolusagemetrics",
                                   "/supportedimages",
                                   "/nodecounts",
                                   "/certificates",
                                   "/jobschedules",
                                   "/jobschedules/{}",
                                   "/jobschedules/{}/jobs",
                                   "/jobschedules/{}/disable",
                                   "/jobschedules/{}/enable",
                                   "/jobschedules/{}/terminate",
                                   "/pools/{}/disableautoscale",
                                   "/pools/{}/enableautoscale",
                                   "/pools/{}/evaluateautoscale",
                                   "/pools/{}/updateproperties",
                                   "/pools/{}/removenodes",
                                   "/pools/{}/nodes/{}/users",
                                   "/pools/{}/nodes/{}/users/{}",
                                   "/pools/{}/nodes/{}/reboot",
                                   "/pools/{}/nodes/{}/reimage",
                                   "/pools/{}/nodes/{}/disablescheduling",
                                   "/pools/{}/nodes/{}/enablescheduling",
                                   "/pools/{}/nodes/{}/remoteloginsettings",
                                   "/pools/{}/nodes/{}/rdp",
                                   "/pools/{}/nodes/{}/uploadbatchservicelogs",
                                   "/pools/{}/nodes/{}/extensions",
                                   "/pools/{}/nodes/{}/extensions/{}"};

/// The variable parts of `path` where it has the form of `pattern`.
std::optional<Names> match(std::string_view pattern, std::string_view path) {
  Names names;
  while (true) {
    if (!pattern.starts_with('/') || !path.starts_with('/'))
      return pattern.empty() && path.empty() ? std::optional(names) : std::nullopt;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    if (pattern == "*") {
      if (path.empty()) return std::nullopt;
      names.push_back(percent_decoded(path));
      return names;
    }
    const auto wanted = pattern.substr(0, pattern.find('/'));
    const auto given = path.substr(0, path.find('/'));
    if (wanted == "{}") {
      if (given.empty()) return std::nullopt;
      names.push_back(percent_decoded(given));
    } else if (wanted != given) {
      return std::nullopt;
    }
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(given.size());
  }
}

std::variant<HttpResponse, Fault> dispatch(Account& account, const HttpRequest& request) {
  bool is_known = false;
  for (const auto& route : routes()) {
    auto names = match(route.path, request.path);
    if (!names) continue;
    is_known = true;
    if (request.method != route.method) continue;
    auto parameters = query_parameters(request.query);
    if (auto fault = fault_of_query(parameters, route.query)) return *fault;
    auto body = body_of(request, route.definition, route.needs_body);
    if (const auto* fault = std::get_if<Fault>(&body)) return *fault;
    return route.handler(
        {account, request, std::move(*names), std::move(parameters), std::get<json>(std::move(body))});
  }
  const bool elsewhere = std::any_of(kElsewhere.begin(), kElsewhere.end(), [&](const char* pattern) {
    return match(pattern, request.path).has_value();
  });
  const bool deletes_file =
      is_known && request.method == "DELETE" && request.path.find("/files/") != std::string::npos;
  if (elsewhere || deletes_file) return Fault{"NotImplemented"};
  return Fault{is_known ? "UnsupportedHttpVerb" : "InvalidUri"};
}

std::string request_id() {
  static thread_local std::mt19937_64 random(std::random_device{}());
  const std::uint64_t a = random();
  const std::uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32U, (a >> 16U) & 0xffffU, a & 0xfffU,
                     0x8000U | ((b >> 48U) & 0x3fffU), b & 0xffff'ffff'ffffU);
}

}  // namespace

std::optional<std::string> HttpRequest::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return is_same_id(header.first, name); });
  return found == headers.end() ? std::nullopt : std::optional(found->second);
}

Routes::Routes(Account& account, Credentials credentials, Account::Clock clock)
    : account_(account), credentials_(std::move(credentials)), clock_(std::move(clock)) {}

HttpResponse Routes::answer(const HttpRequest& request) const {
  const std::string id = request_id();
  const Time now = clock_();
  std::variant<HttpResponse, Fault> reply = HttpResponse();
  try {
    if (auto fault = fault_of_signature(request, credentials_, now)) {
      reply = *fault;
    } else {
      reply = dispatch(account_, request);
    }
  } catch (const std::exception& error) {
    // A fault of this program; the client is not to wait for an answer that never comes.
    reply = Fault{"InternalError", {{"Reason", error.what()}}};
  }
  HttpResponse response;
  if (const auto* fault = std::get_if<Fault>(&reply)) {
    response.status = http_status(*fault);
    response.headers = {{"Content-Type", kJsonType}};
    response.body = batch::json_text(error_body(*fault, request.base, id, batch_time(now)));
  } else {
    response = std::move(std::get<HttpResponse>(reply));
  }
  response.headers.insert(response.headers.end(),
                          {{"Server", "Microsoft-HTTPAPI/2.0"},
                           {"request-id", id},
                           {"Strict-Transport-Security", "max-age=31536000; includeSubDomains"},
                           {"X-Content-Type-Options", "nosniff"},
                           {"DataServiceVersion", "3.0"},
                           {"Date", http_date(now)}});
  if (is_same_id(request.header("return-client-request-id").value_or(""), "true"))
    response.headers.emplace_back("client-request-id", request.header("client-request-id").value_or(""));
  return response;
}

}  // namespace shipyard::local
