import { AppError, type FieldProblem } from '@agentfleet/errors';
import { ValidationPipe, type ValidationError } from '@nestjs/common';

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

/** Strict on types, no coercion; unknown fields are dropped; neither values nor targets reach an answer. */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidUnknownValues: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => validationFailed(flatten(errors, '')),
  });
}
