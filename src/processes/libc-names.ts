/** Names of libc, for `dlopen`: that of glibc and those of musl. */
export const libcNames = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
