import { hasCodePoints, isJsonObject, isLargerAsJson, isObjectId, isWellFormedJson, type JsonValue } from '@agentfleet/contracts';
import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy, ValidateIf } from 'class-validator';

/** Absent is fine, `null` is not (unlike class-validator's own IsOptional). */
export const Optional = (): PropertyDecorator =>
  applyDecorators(
    ValidateIf((_object, value: unknown) => value !== undefined),
    ApiProperty({ required: false }),
  );

/** A decorator with a check of our own and a text that continues the field's name. */
function rule(name: string, message: string, check: (value: unknown) => boolean): PropertyDecorator {
  return ValidateBy({ name, validator: { validate: check, defaultMessage: () => `$property ${message}` } });
}

/**
 * No half of a surrogate pair, in keys neither: stored, and hashed, it would be U+FFFD. All text needs it that is not kept as
 * JSON; what `Text`, `TextList` and `StoredObjectOf` take has it.
 */
export function WellFormed(): PropertyDecorator {
  return rule('wellFormed', 'must not have lone surrogates', (value) => isWellFormedJson(value as JsonValue)); // a parsed body holds nothing but JSON
}

/** As the contract lists them: those above U+007F are allowed. */
const CONTROL = /[\u0000-\u001f\u007f]/;

interface TextRules {
  readonly min?: number;
  readonly max: number;
  readonly example?: string;
  /** Line breaks and the like are fine; default true, `name` fields say false. */
  readonly controlCharacters?: boolean;
}

export function Text({ min = 0, max, example, controlCharacters = true }: TextRules): PropertyDecorator {
  const rules = [
    rule('isText', 'must be a string', (value) => typeof value === 'string'),
    WellFormed(),
    rule('maxText', `must be at most ${max} characters`, (value) => typeof value !== 'string' || hasCodePoints(value, 0, max)),
    ApiProperty({ type: String, minLength: min, maxLength: max, ...(example === undefined ? {} : { example }) }),
  ];
  if (min > 0) rules.push(rule('minText', `must be at least ${min} characters`, (value) => typeof value !== 'string' || hasCodePoints(value, min, Infinity)));
  if (!controlCharacters) {
    rules.push(rule('noControls', 'must not have control characters', (value) => typeof value !== 'string' || !CONTROL.test(value)));
  }
  return applyDecorators(...rules);
}

export function Pattern(pattern: RegExp, message: string): PropertyDecorator {
  return rule('pattern', message, (value) => typeof value !== 'string' || pattern.test(value));
}

export function OneOf(values: readonly string[]): PropertyDecorator {
  return applyDecorators(
    rule('oneOf', `must be one of ${values.join(', ')}`, (value) => typeof value === 'string' && values.includes(value)),
    ApiProperty({ type: String, enum: [...values] }),
  );
}

export function TextList(rules: { maxItems: number; minItems?: number; maxLength: number; values?: readonly string[] }): PropertyDecorator {
  const { maxItems, minItems = 0, maxLength, values } = rules;
  const message = values
    ? `must be a list of ${minItems} to ${maxItems} of ${values.join(', ')}`
    : `must be a list of ${minItems > 0 ? `${minItems} to` : 'at most'} ${maxItems} strings of at most ${maxLength} characters`;
  const check = (value: unknown) =>
    Array.isArray(value) &&
    value.length >= minItems &&
    value.length <= maxItems &&
    value.every((entry) => typeof entry === 'string' && hasCodePoints(entry, 0, maxLength) && (!values || values.includes(entry)));
  return applyDecorators(
    rule('textList', message, check),
    WellFormed(),
    ApiProperty({ type: [String], maxItems, minItems, ...(values ? { enum: [...values] } : {}) }),
  );
}

export function ObjectIdOrNull(): PropertyDecorator {
  return applyDecorators(
    rule('objectIdOrNull', 'must be an id of 24 lower-case hex digits, or null', (value) => value === null || isObjectId(value)),
    ApiProperty({ type: String, nullable: true, pattern: '^[0-9a-f]{24}$' }),
  );
}

export function ObjectIdList(maxItems: number): PropertyDecorator {
  const check = (value: unknown) => Array.isArray(value) && value.length <= maxItems && value.every(isObjectId);
  return applyDecorators(
    rule('objectIdList', `must be a list of at most ${maxItems} ids of 24 lower-case hex digits`, check),
    ApiProperty({ type: [String], maxItems }),
  );
}

/** Any JSON object up to a size, measured as JSON; kept as text, so that it reads back exactly. */
export function JsonObjectOf(maxBytes: number, example?: object): PropertyDecorator {
  return applyDecorators(
    rule('jsonObject', 'must be an object', isJsonObject),
    rule('jsonSize', `must be at most ${maxBytes} bytes as JSON`, (value) => value === undefined || !isLargerAsJson(value as JsonValue, maxBytes)),
    ApiProperty({ type: 'object', additionalProperties: true, ...(example ? { example } : {}) }),
  );
}

/** A JSON object that is kept as a document, which holds no lone surrogates. */
export function StoredObjectOf(maxBytes: number, example?: object): PropertyDecorator {
  return applyDecorators(JsonObjectOf(maxBytes, example), WellFormed());
}

export function Bool(): PropertyDecorator {
  return applyDecorators(rule('bool', 'must be true or false', (value) => typeof value === 'boolean'), ApiProperty({ type: Boolean }));
}

export function WholeNumber(min: number, max: number): PropertyDecorator {
  const check = (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
  return applyDecorators(
    rule('wholeNumber', `must be a whole number from ${min} to ${max}`, check),
    ApiProperty({ type: 'integer', minimum: min, maximum: max }),
  );
}

/** Any check, for the rarer fields. */
export const Check = rule;
