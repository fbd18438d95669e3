import { CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { CreateUserDto, UpdateUserDto, UserDto } from './user.dto';
import { USER_LIST, UsersService } from './users.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('users')
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  /** Makes a user of the organization that the caller acts in. */
  @Post()
  @Idempotent()
  @Needs('users:manage')
  @ApiTakes(CreateUserDto)
  @ApiAnswer(UserDto, { status: 201 })
  @ApiErrors(400, 401, 403, 409, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateUserDto): Promise<UserDto> {
    return this.users.create(caller, body);
  }

  /** Lists users, filtered, sorted, in pages. */
  @Get()
  @Needs('users:manage')
  @ApiPage(UserDto, Object.keys(USER_LIST.filters), USER_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.users.list(caller, parseListQuery(query, USER_LIST));
  }

  /** Reads a user. */
  @Get(':id')
  @Needs('users:manage')
  @ApiParam(ID)
  @ApiAnswer(UserDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<UserDto> {
    return this.users.get(caller, id);
  }

  /** Changes a user: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('users:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateUserDto)
  @ApiAnswer(UserDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateUserDto): Promise<UserDto> {
    return this.users.update(caller, id, body);
  }

  /** Changes a user: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('users:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateUserDto)
  @ApiAnswer(UserDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateUserDto): Promise<UserDto> {
    return this.users.update(caller, id, body);
  }

  /** The user's tokens end at once. The last owner of an organization stays. */
  @Delete(':id')
  @NoBody()
  @Needs('users:manage')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.users.delete(caller, id);
  }
}
