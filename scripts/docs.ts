/** `make docs`: the documents that are made from the code. A test fails when they are not up to date. */
import { writeFileSync } from 'node:fs';
import { openApi } from '../src/api/openapi.ts';
import { jsonSchema } from '../src/config/json-schema.ts';
import { configReference } from '../src/config/reference.ts';

writeFileSync('docs/openapi.json', `${JSON.stringify(openApi(), null, 1)}\n`);
writeFileSync('docs/cloud-config.md', configReference());
writeFileSync('docs/cloud-config.schema.json', `${JSON.stringify(jsonSchema(), null, 1)}\n`);
