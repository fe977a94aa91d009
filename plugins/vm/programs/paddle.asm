; Keep the ball in the air: key 4 moves the paddle to the left, key 6 to the right. Every hit is a point.
; When the ball is lost, the points are shown and the program ends.

ball_x  EQU V4
ball_y  EQU V5
step_x  EQU V6              ; 1 or 255, which is -1
step_y  EQU V7
paddle  EQU V8              ; its left end
points  EQU V9
floor   EQU VA

width   EQU 8
bottom  EQU 31

        LD floor, bottom
        LD points, 0
        LD paddle, 28
        CALL draw_paddle
        RND ball_x, 0x1F    ; somewhere at the top
        ADD ball_x, 16
        LD ball_y, 1
        LD step_y, 1
        RND step_x, 1       ; 0 or 1 becomes 255 or 1
        ADD step_x, step_x
        ADD step_x, -1
        CALL draw_ball

play:   LD V0, 4
        SKNP V0
        CALL left
        LD V0, 6
        SKNP V0
        CALL right
        CALL draw_ball      ; drawn twice, it is gone
        CALL move
        CALL draw_ball
        SE ball_y, bottom
        JP play

        CLS                 ; the ball is lost
        LD V0, 20
        LD ST, V0
        LD I, digits
        LD B, points
        LD V2, [I]
        LD V3, 24
        LD V4, 13
        LD F, V0
        CALL digit
        LD F, V1
        CALL digit
        LD F, V2
        CALL digit
over:   JP over

move:   ADD ball_x, step_x
        ADD ball_y, step_y
        SNE ball_x, 0
        LD step_x, 1
        SNE ball_x, 63
        LD step_x, -1
        SNE ball_y, 0
        LD step_y, 1
        SE ball_y, bottom - 1
        RET
        LD V0, ball_x       ; just above the floor: is the paddle there?
        SUB V0, paddle
        SE VF, 1            ; the ball is left of it
        RET
        LD V1, width - 1
        SUB V1, V0
        SE VF, 1            ; the ball is right of it
        RET
        LD step_y, -1
        ADD points, 1
        LD V0, 3
        LD ST, V0
        RET

left:   SNE paddle, 0
        RET
        CALL draw_paddle
        ADD paddle, -2
        JP draw_paddle

right:  SNE paddle, 64 - width
        RET
        CALL draw_paddle
        ADD paddle, 2

draw_paddle:
        LD I, bar
        DRW paddle, floor, 1
        RET

draw_ball:
        LD I, dot
        DRW ball_x, ball_y, 1
        RET

digit:  DRW V3, V4, 5
        ADD V3, 6
        RET

bar:    DB %########
dot:    DB %#.......
digits: DS 3
