/** What texts of the configuration must look like. Wide: only what cannot work is refused, for a refused value is not used. */
import type { Form } from '../fields.ts';

export const hostName: Form = { pattern: /^(?=.{1,64}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, says: 'at most 64 letters, digits, "." and "-"' };
/** Without `..`, for these are joined to other paths. */
export const absolutePath: Form = { pattern: /^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^\0\n]*$/, says: 'an absolute path without ".."' };
/** Of the state partition; a leading slash is its root. */
export const stateDirectory: Form = { pattern: /^(?!.*(?:^|\/)\.\.(?:\/|$))[^\0\n]+$/, says: 'a path without ".."' };
export const userName: Form = { pattern: /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/, says: 'at most 32 letters, digits, "_", "." and "-", and begin with a letter' };
/** Names or numbers: `root`, `1100:1100`. */
export const owner: Form = { pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?)?$/, says: 'a user, or a user and a group: "user:group"' };
/** A field of /etc/passwd. */
export const passwdField: Form = { pattern: /^[^:\r\n\0]*$/, says: 'one line without ":"' };
export const passwordHash: Form = { pattern: /^[^:\s\0]*$/, says: 'a password hash as in /etc/shadow' };
export const oneLine: Form = { pattern: /^[^\r\n\0]*$/, says: 'one line' };
export const fileMode: Form = { pattern: /^(?:0o?)?[0-7]{1,4}$/, says: 'octal digits, such as 0644' };
export const timeZone: Form = { pattern: /^[A-Za-z0-9_+-]{1,30}(?:\/[A-Za-z0-9_+-]{1,30}){0,3}$/, says: 'a time zone such as "Europe/Berlin"' };
export const address: Form = { pattern: /^(?=.{2,45}$)(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/, says: 'an IP address' };
export const cidr: Form = { pattern: /^(?=.{4,49}$)(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\/\d{1,3}$/, says: 'an IP address with its prefix length, such as "192.168.1.5/24"' };
/** A number of bytes, or with K, M, G or T. */
export const size: Form = { pattern: /^(?:auto|\d{1,15}(?:\.\d{1,3})?\s?(?:[KMGT]i?B?|B)?)$/i, says: 'a size such as 512M or 2G, or "auto"' };
export const certificate: Form = { pattern: /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:TRUSTED )?CERTIFICATE-----/, says: 'a certificate in PEM' };
