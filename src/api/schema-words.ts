/** The words that the schemas of the control API are written in. */
import * as z from 'zod/mini';

/** A field with what the reference says of it. */
export function doc<S extends z.core.$ZodType>(description: string, schema: S): S {
  z.globalRegistry.add(schema, { description });
  return schema;
}

export const list = <S extends z.core.$ZodType>(schema: S) => z.readonly(z.array(schema));
export const optional = z.exactOptional;
export const object = <T extends z.core.$ZodShape>(description: string, shape: T) => doc(description, z.readonly(z.strictObject(shape)));
