// A name for whoever runs a process, where /etc/passwd has none: `docker run --user 1234:1234`. ssh, sshd and mpirun
// refuse to work for a user without an entry there (nsswitch.conf(5)).
//
// The entry is made up for the process's own uid and for nobody else's, never for root. So nothing has to be writable:
// a passwd file that the container's user may write to, by its group or through an NSS module with a directory of its
// own, lets that user become another one by way of any program that is setuid. And nothing is preloaded into every
// program, as nss_wrapper would be.
#define _GNU_SOURCE
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "shipyard"

enum nss_status _nss_shipyard_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, int *error) {
  if (uid == 0 || uid != getuid()) return NSS_STATUS_NOTFOUND;
  // Docker's HOME, "/" where nobody has set another one, holds for ssh logins too.
  const char *home = secure_getenv("HOME");
  if (!home || home[0] != '/' || strpbrk(home, ":\n")) home = "/";
  const size_t home_size = strlen(home) + 1;
  static const char kName[] = NAME;
  static const char kPassword[] = "*";  // none opens it, and it is no locked account ("!") either
  static const char kShell[] = "/bin/sh";
  if (size < sizeof kName + sizeof kPassword + sizeof kShell + home_size) {
    *error = ERANGE;
    return NSS_STATUS_TRYAGAIN;
  }
  entry->pw_uid = uid;
  entry->pw_gid = getgid();
  entry->pw_name = memcpy(buffer, kName, sizeof kName);
  buffer += sizeof kName;
  entry->pw_gecos = entry->pw_name;
  entry->pw_passwd = memcpy(buffer, kPassword, sizeof kPassword);
  buffer += sizeof kPassword;
  entry->pw_shell = memcpy(buffer, kShell, sizeof kShell);
  buffer += sizeof kShell;
  entry->pw_dir = memcpy(buffer, home, home_size);
  return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_shipyard_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
                                         int *error) {
  if (strcmp(name, NAME) != 0) return NSS_STATUS_NOTFOUND;
  return _nss_shipyard_getpwuid_r(getuid(), entry, buffer, size, error);
}
