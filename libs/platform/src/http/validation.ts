import { AppError, type FieldProblem } from '@agentfleet/errors';
import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';
import { getMetadataStorage, validate, ValidateNested, type ValidationError } from 'class-validator';

/** class-validator begins its texts with the property's name; ours continue the field's name. */
function withoutName(message: string, property: string): string {
  if (message.startsWith(`${property} `)) return message.slice(property.length + 1);
  const each = `each value in ${property} `;
  return message.startsWith(each) ? `must have only values of which each ${message.slice(each.length)}` : message;
}

function flatten(errors: readonly ValidationError[], parent: string): FieldProblem[] {
  return errors.flatMap((error) => {
    const field = parent === '' ? error.property : `${parent}.${error.property}`;
    const own = Object.values(error.constraints ?? {}).map((text) => ({ field, message: withoutName(text, error.property) }));
    return [...own, ...flatten(error.children ?? [], field)];
  });
}

/** The error of a refused request, with every refused field. */
export function validationFailed(problems: readonly FieldProblem[]): AppError {
  const first = problems[0];
  return new AppError('validation_failed', { message: first ? `${first.field} ${first.message}` : 'Validation failed', problems });
}

/** A field whose value is an object of another class with checks of its own. */
export const Nested = (type: Type<object>): PropertyDecorator => ValidateNested({ context: { nested: type } });

/** The fields that a class declares by its decorators, each with the class of its value when that is checked too. */
type DeclaredFields = ReadonlyMap<string, Type<object> | undefined>;
const declared = new WeakMap<Type, DeclaredFields>();

function declaredFields(type: Type): DeclaredFields {
  const known = declared.get(type);
  if (known) return known;
  const fields = new Map<string, Type<object> | undefined>();
  for (const { propertyName, context } of getMetadataStorage().getTargetValidationMetadatas(type, '', false, false)) {
    const nested: Type<object> | undefined = context?.nested; // only `Nested` sets it
    fields.set(propertyName, nested ?? fields.get(propertyName));
  }
  declared.set(type, fields);
  return fields;
}

/**
 * A parsed body as an instance of its class: the declared fields alone, each value as it came. class-transformer, which
 * Nest would use, copies unknown and free-form fields too and compares each key with all others: 110,000 keys took minutes.
 */
export function plainToInstance<T>(type: Type<T>, body: unknown): T {
  const instance = new type();
  if (typeof instance !== 'object' || instance === null || typeof body !== 'object' || body === null) return instance;
  for (const [name, nested] of declaredFields(type)) {
    const value: unknown = Object.getOwnPropertyDescriptor(body, name)?.value;
    if (value === undefined) continue;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    Object.defineProperty(instance, name, { value: nested && isObject ? plainToInstance(nested, value) : value, enumerable: true, writable: true, configurable: true });
  }
  return instance;
}

const isCheckedClass = (type: unknown): type is Type<object> => typeof type === 'function' && declaredFields(type as Type).size > 0;

/**
 * Strict on types, no coercion; unknown fields are dropped; neither values nor targets reach an answer. Nest's own pipe also
 * walks the whole body, unknown fields included, and takes the keys `constructor` and `prototype` out of free-form objects.
 */
export class DtoPipe implements PipeTransform {
  /** At once for what is not checked, which is most of what a request's handler takes. */
  transform(value: unknown, { metatype, type }: ArgumentMetadata): unknown {
    return type === 'custom' || !isCheckedClass(metatype) ? value : this.check(metatype, value);
  }

  private async check(metatype: Type<object>, value: unknown): Promise<object> {
    const instance = plainToInstance(metatype, value);
    const errors = await validate(instance, { forbidUnknownValues: false, validationError: { target: false, value: false } });
    if (errors.length > 0) throw validationFailed(flatten(errors, ''));
    return instance;
  }
}
