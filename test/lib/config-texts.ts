/** Arbitrary cloud-configs for fast-check: by the schema with things wrong in them, and texts that are hardly YAML any more. */
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { factsOf, type FieldFacts } from '../../src/config/fields.ts';
import { rootField } from '../../src/config/schema.ts';

/** In every text value: it must not come out where values are never shown. */
export const marker = 'S3CR3T';

const name = fc.constantFrom('a', 'eth0', 'mac=00:11:22:33:44:55', 'net.ipv4.ip_forward', 'x y', '7', 'yes', 'é', '#', '[x]', 'TOKEN', 'toString', '');
const odd = fc.constantFrom(
  '', ' ', 'yes', 'no', 'On', 'null', '~', '0644', '0o17', '0x1F', '1_000', '1e3', '.inf', '.NaN', '12:30:45', '2001-12-14', '=', '<<', '- a', '? a', 'a: b', 'a #b', '#', '&a', '*a', '!t', '|', '>', '%', '@', '`', '"', "'", '{', '[', ']', ',',
  'two\nlines', 'end\n', '\n', ' lead', 'trail ', '\t', 'a\r\nb', '\u0085', '\u2028', '\uFEFF', '\u0007', '\u{1F600}', 'LABEL=X', '/mnt', '/a/../b', '10.0.0.1/24', '1.5GB', '-1', '65536', 'c2VjcmV0', 'a,b',
);
export const anyText = fc.oneof(odd, fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 6 }));
const marked = fc.oneof(fc.constant(marker), anyText.map((text) => `${marker}${text}`), anyText.map((text) => `${text}${marker}`));
const wrong = fc.oneof(marked, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.array(marked, { maxLength: 3 }), fc.dictionary(name, marked, { maxKeys: 2, noNullPrototype: true }));

export interface Options {
  /** Whether values may be of a wrong type, and keys unknown. */
  readonly faults: boolean;
}

/** A tree by the schema, its texts marked where the schema does not say what they must look like. */
export function configTree(options: Options): fc.Arbitrary<unknown> { return valueOf(factsOf(rootField), options, 0); }

function valueOf(facts: FieldFacts | undefined, options: Options, depth: number): fc.Arbitrary<unknown> {
  const right = facts === undefined || depth > 7 ? marked : rightValueOf(facts, options, depth);
  return options.faults ? fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong }) : right;
}

function rightValueOf({ kind, shape = {}, item, options: choices = [], pattern, values, minimum = 0, maximum = 100 }: FieldFacts, options: Options, depth: number): fc.Arbitrary<unknown> {
  const below = (field: object | undefined): fc.Arbitrary<unknown> => valueOf(factsOf(field), options, depth + 1);
  switch (kind) {
    case 'text': return values !== undefined ? fc.constantFrom(...values) : pattern === undefined ? fc.oneof(marked, odd) : textLike(pattern);
    case 'flag': return fc.oneof(fc.boolean(), fc.constantFrom('yes', 'no', 'on', 'off', 'True'));
    case 'whole': return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.integer({ min: minimum, max: maximum }).map(String));
    case 'list': return fc.array(below(item), { maxLength: 3 });
    case 'map': case 'entries': return fc.dictionary(name, below(item), { maxKeys: 3, noNullPrototype: true });
    case 'either': return fc.oneof(...choices.map(below));
    case 'any': return fc.oneof(marked, fc.dictionary(name, fc.oneof(marked, odd, fc.integer(), fc.boolean(), fc.array(marked, { maxLength: 2 })), { maxKeys: 3, noNullPrototype: true }));
    case 'group': return groupOf(shape, below, options);
  }
}

/** A few of its keys: all of them at once would be a page for each run. */
function groupOf(shape: Readonly<Record<string, object>>, below: (field: object | undefined) => fc.Arbitrary<unknown>, { faults }: Options): fc.Arbitrary<unknown> {
  const keys = Object.keys(shape);
  const some = fc.subarray(keys, { maxLength: Math.min(4, keys.length) }).chain((chosen) => fc.record(Object.fromEntries(chosen.map((key) => [key, below(shape[key])]))));
  if (!faults) return some;
  return fc.oneof({ weight: 8, arbitrary: some }, { weight: 1, arbitrary: fc.tuple(some, name, wrong).map(([own, key, value]) => ({ ...own, [key]: value })) });
}

/** Texts that fit a pattern; where fast-check does not know how, some that may. */
function textLike(pattern: RegExp): fc.Arbitrary<string> {
  const fitting = candidates.filter((text) => pattern.test(text));
  const known = fitting.length > 0 ? fc.constantFrom(...fitting) : anyText;
  try {
    return fc.oneof(known, fc.stringMatching(pattern, { maxLength: 12 }));
  } catch {
    return known;
  }
}

const candidates = [
  'box', 'rancher', 'root', 'sudo', 'constructor', '__proto__', 'toString', '/mnt/data', '/', 'root', 'user:group', 'alice', 'x:y', '$6$salt$hash', 'one line', '0644', '755', '0o644', 'Europe/Berlin', '10.0.0.1', 'fd00::1', '10.0.0.1/24', 'fd00::1/64', '512M', 'auto', '2G', 'b64', 'gzip', 'https://x.example/y',
  '1024:2048', 'eth0', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
];

const styles = fc.constantFrom({}, { indent: 4 }, { seqNoIndent: true }, { flowLevel: 1 }, { flowLevel: 3 });

/** A tree as YAML, in one of the ways in which people write it. */
export function written(tree: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return fc.tuple(tree, styles, fc.boolean()).map(([value, style, isDos]) => {
    const text = `#cloud-config\n${dump(value, { lineWidth: -1, noRefs: true, ...style })}`;
    return isDos ? text.replaceAll('\n', '\r\n') : text;
  });
}

const pieces = [
  'a', 'a: ', '- ', '[', '{', ']', '}', '"', "'", '\n', '  ', '\t', '&a ', '*a ', ', ', '? ', ': ', '!!str ', '!!binary ', '!!set ', '!x ', '|\n', '>-2\n', '# ', '---\n', '...\n', '%YAML 1.1\n', '<<: ', '<<: *a\n', '\\', '\r\n', '\r', '0x', '1_', '.inf', '~', 'null',
  'rancher:\n', 'hostname: ', 'mounts:\n', 'users:\n', 'write_files:\n', '__proto__: ', 'constructor: ', 'prototype', marker, '\uFEFF', '\u0000', '\u2028', '\uD800', '\uFFFD',
];

/** Texts with something broken in them: pieces at random, and whole configurations with pieces put in, taken out and moved. */
export const brokenText: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.tuple(written(configTree({ faults: true })), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 8 }), fc.constantFrom('', ...pieces)), { maxLength: 4 }))
    .map(([text, cuts]) => cuts.reduce((before, [at, length, piece]) => {
      const start = before.length === 0 ? 0 : at % before.length;
      return before.slice(0, start) + piece + before.slice(start + length);
    }, text)),
);

/** The same few pieces again and again, up to `length`: what is quadratic shows here. */
export function longText(length: number): fc.Arbitrary<string> {
  const some = (minLength: number, maxLength: number): fc.Arbitrary<string> => fc.array(fc.constantFrom(...pieces), { minLength, maxLength }).map((parts) => parts.join(''));
  return fc.tuple(some(0, 3), some(1, 5), some(0, 3)).map(([head, body, tail]) => head + body.repeat(Math.ceil(length / body.length)) + tail);
}

const words = [
  'rancher.', 'cc.', 'rancher.debug', 'rancher.password=', 'rancher.autologin=', 'rancher.network.interfaces.eth0.', 'rancher.sysctl.net.', 'rancher.state.', 'dev', 'cc.hostname=', 'cc.mounts=', '=', '==', '[', ']', '{', '}', ',', '"', "'", ' ', '  ', '\n', '\t', '.', '..', ' -- ', '__proto__', 'constructor', ': ',
  '&a ', '*a', '|', '~', '0644', 'yes', marker, 'ro', 'root=/dev/sda', '\\', '#', '\u{1F600}', '\u0000',
];
export const cmdline: fc.Arbitrary<string> = fc.oneof(fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join('')), fc.string({ unit: 'binary', maxLength: 60 }));
export const longCmdline: fc.Arbitrary<string> = fc.tuple(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }), fc.array(fc.constantFrom(...words), { maxLength: 3 }))
  .map(([body, tail]) => body.join('').repeat(Math.ceil(70_000 / body.join('').length)) + tail.join(''));

const parts = [
  'Content-Type: multipart/mixed; boundary="B"\n', 'MIME-Version: 1.0\n', '\n', '--B\n', '--B--\n', 'Content-Type: text/cloud-config\n', 'Content-Type: text/x-shellscript\n', 'Content-Transfer-Encoding: base64\n',
  'Content-Transfer-Encoding: quoted-printable\n', ' boundary=C\n', '#cloud-config\nhostname: a\n', '#!/bin/sh\n', '#compose\n', 'a: ', '=3D', '=\n', 'I2Nsb3VkLWNvbmZpZwo=', '\r\n', 'network: ', 'version: 2\n', 'ethernets:\n', '  eth0:\n', '    dhcp4: true\n',
  'config:\n', '- type: physical\n', '  name: eth0\n', '  subnets: [{type: static, address: 1.2.3.4}]\n', '{"a":[', ']}', '<Property ', 'oe:key="a"', ' oe:value="b"/>', '&amp;', '&#x41;', '<', '>', '"', "'", '=', 'DOCKER_OPTS="', '--host=', 'export ', '$', '`', '\\',
  'user:ssh-rsa AAAA google-ssh {"userName":"x","expireOn":"2020"}', '-q ', '-e a=b ', '--timeout 9 ', 'h==\n', 'password=', '--token ', '://a@', '-----BEGIN PRIVATE KEY-----', '-----END', 'rancher.', '.',
];

/** What datasources and files of other programs may hold, `length` long or a little of it. */
export function messageText(length: number): fc.Arbitrary<string> {
  const some = (minLength: number, maxLength: number): fc.Arbitrary<string> => fc.array(fc.constantFrom(...parts), { minLength, maxLength }).map((words) => words.join(''));
  if (length === 0) return some(0, 25);
  return fc.tuple(some(0, 3), some(1, 4), some(0, 3)).map(([head, body, tail]) => head + body.repeat(Math.ceil(length / body.length)) + tail);
}
